use super::*;

const DID: &str = "did:plc:abcdefghijklmnopqrstuvwx";
const REV: &str = "3jzfcijpj2z2a";

/// Header and payload from JSON; `{"$b": n}` is n bytes and `{"$c": true}` a CID.
fn message(header: serde_json::Value, payload: serde_json::Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&header, &mut out);
    encode(&payload, &mut out);
    out
}

fn head(major: u8, value: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match value {
        0..=23 => out.push(major | value as u8),
        24..=0xff => out.extend([major | 24, value as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend((value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend((value as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(value.to_be_bytes());
        }
    }
}

fn encode(value: &serde_json::Value, out: &mut Vec<u8>) {
    use serde_json::Value;
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(v) => out.push(if *v { 0xf5 } else { 0xf4 }),
        Value::Number(n) => match n.as_i64().unwrap() {
            n @ 0.. => head(0, n as u64, out),
            n => head(1, -(n + 1) as u64, out),
        },
        Value::String(s) => {
            head(3, s.len() as u64, out);
            out.extend(s.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Object(map) => {
            if let Some(n) = map.get("$b") {
                let n = n.as_u64().unwrap();
                head(2, n, out);
                out.extend(vec![0; n as usize]);
            } else if map.contains_key("$c") {
                out.extend(b"\xd8\x2a\x58\x25\x00");
                out.extend(cid().as_bytes());
            } else {
                head(5, map.len() as u64, out);
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(k, _)| (k.len(), k.as_bytes()));
                for (key, item) in entries {
                    encode(&Value::String(key.clone()), out);
                    encode(item, out);
                }
            }
        }
    }
}

fn cid() -> Cid {
    Cid::of_dag_cbor(b"\xa0")
}

fn commit_payload() -> serde_json::Value {
    serde_json::json!({
        "seq": 7, "repo": DID, "rev": REV, "since": null, "commit": {"$c": true}, "blocks": {"$b": 3},
        "ops": [
            {"action": "create", "path": "a.b.c/self", "cid": {"$c": true}},
            {"action": "delete", "path": "no path", "cid": null, "prev": {"$c": true}},
        ],
        "time": "2026-01-01T00:00:00Z", "tooBig": false, "rebase": false, "blobs": [], "novelty": {"x": 1},
    })
}

fn with(field: &str, value: serde_json::Value) -> Vec<u8> {
    let mut payload = commit_payload();
    payload[field] = value;
    message(header("#commit"), payload)
}

fn header(t: &str) -> serde_json::Value {
    serde_json::json!({"op": 1, "t": t})
}

#[test]
fn a_commit_is_read_and_unknown_fields_are_ignored() {
    let message = message(header("#commit"), commit_payload());
    assert!(message.starts_with(COMMIT_HEADER));
    let Frame::Commit(commit) = Frame::decode(&message).unwrap() else {
        panic!("not a commit");
    };
    assert_eq!((commit.seq, commit.repo.as_str()), (7, DID));
    assert_eq!((commit.rev.as_str(), commit.since), (REV, None));
    assert_eq!((commit.commit, commit.prev_data), (cid(), None));
    assert_eq!(commit.blocks, [0; 3]);
    assert_eq!(
        commit.ops,
        [
            RepoOp {
                action: OpAction::Create,
                path: "a.b.c/self",
                cid: Some(cid()),
                prev: None
            },
            RepoOp {
                action: OpAction::Delete,
                path: "no path",
                cid: None,
                prev: Some(cid())
            },
        ]
    );
}

#[test]
fn a_header_with_another_field_leads_to_the_same_commit() {
    let usual = message(header("#commit"), commit_payload());
    let other = message(
        serde_json::json!({"op": 1, "t": "#commit", "later": true}),
        commit_payload(),
    );
    assert_eq!(Frame::decode(&usual), Frame::decode(&other));
}

#[test]
fn the_other_types_are_read() {
    let decode = |t: &str, payload| {
        let bytes = message(header(t), payload).leak();
        Frame::decode(bytes).unwrap()
    };
    let base = serde_json::json!({"seq": 1, "did": DID, "time": "t"});
    let plus = |extra: serde_json::Value| {
        let mut all = base.clone();
        for (key, value) in extra.as_object().unwrap() {
            all[key] = value.clone();
        }
        all
    };
    let identity = decode("#identity", plus(serde_json::json!({"handle": "a.test"})));
    assert!(matches!(identity, Frame::Identity(f) if f.handle == Some("a.test")));
    let account = decode(
        "#account",
        plus(serde_json::json!({"active": false, "status": "strange"})),
    );
    assert!(matches!(account, Frame::Account(f) if !f.active && f.status == Some("strange")));
    let sync = decode(
        "#sync",
        plus(serde_json::json!({"rev": REV, "blocks": {"$b": 2}})),
    );
    assert!(matches!(sync, Frame::Sync(f) if f.blocks.len() == 2));
    let info = decode("#info", serde_json::json!({"name": "OutdatedCursor"}));
    assert!(matches!(
        info,
        Frame::Info {
            name: "OutdatedCursor",
            message: None
        }
    ));
    let error = message(
        serde_json::json!({"op": -1}),
        serde_json::json!({"error": "FutureCursor", "message": "no"}),
    );
    assert_eq!(
        Frame::decode(&error),
        Ok(Frame::Error {
            error: "FutureCursor",
            message: Some("no")
        })
    );
}

#[test]
fn what_is_unknown_is_no_error() {
    let new_type = [message(header("#new"), serde_json::json!({})), vec![0xff]].concat();
    assert_eq!(
        Frame::decode(&new_type),
        Ok(Frame::Unknown {
            op: 1,
            t: Some("#new")
        })
    );
    let new_op = message(serde_json::json!({"op": 2}), serde_json::json!({}));
    assert_eq!(
        Frame::decode(&new_op),
        Ok(Frame::Unknown { op: 2, t: None })
    );
}

#[test]
fn bounds_and_shapes_are_held() {
    let error = |message: &[u8]| Frame::decode(message).unwrap_err();
    for seq in [0, -1, 1_i64 << 53] {
        assert_eq!(
            error(&with("seq", seq.into())),
            FrameError::Seq { got: seq }
        );
    }
    assert!(Frame::decode(&with("seq", ((1_i64 << 53) - 1).into())).is_ok());
    for (name, value) in [("repo", "nobody.test"), ("rev", ""), ("since", "x")] {
        assert!(
            matches!(error(&with(name, value.into())), FrameError::Field { field, .. } if field == name)
        );
    }
    let op = serde_json::json!({"action": "create", "path": "", "cid": null});
    assert_eq!(
        error(&with("ops", vec![op; 201].into())),
        FrameError::Ops { got: 201 }
    );
    assert_eq!(
        error(&with("blocks", serde_json::json!({"$b": 2_000_001}))),
        FrameError::Blocks { got: 2_000_001 }
    );
    assert!(matches!(
        error(&with("commit", "text".into())),
        FrameError::Shape { .. }
    ));
    assert_eq!(
        error(&vec![0; limits::FRAME_BYTES_MAX + 1]),
        FrameError::TooLong {
            got: limits::FRAME_BYTES_MAX + 1
        }
    );
    assert!(matches!(
        error(b""),
        FrameError::Cbor { part: "header", .. }
    ));
    assert!(matches!(
        error(COMMIT_HEADER),
        FrameError::Cbor {
            part: "payload",
            ..
        }
    ));
    let trailing = [message(header("#commit"), commit_payload()), vec![0]].concat();
    assert!(matches!(
        error(&trailing),
        FrameError::Cbor {
            source: CborError::Trailing { .. },
            ..
        }
    ));
}

#[test]
fn a_broken_message_can_still_be_named() {
    let whole = message(header("#commit"), commit_payload());
    let cut = &whole[..whole.len() - 2];
    assert!(Frame::decode(cut).is_err());
    assert_eq!(seq_hint(cut), Some(7));
    assert_eq!(hint(cut).did.unwrap().as_str(), DID);
    assert_eq!(hint(b"\xff"), Hint::default());
    assert_eq!(hint(&with("seq", 0.into())).seq, None);
}
