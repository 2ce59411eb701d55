//! Frames that real servers sent, against what other implementations say is in them.

use std::collections::HashMap;

use aviary::atproto::car::CarSlice;
use aviary::atproto::cbor::check_one;
use aviary::atproto::commit::CommitObject;
use aviary::atproto::frame::{CommitFrame, Frame, OpAction};
use aviary::atproto::{Cid, json, syntax};
use aviary_tests::shared_data;
use serde_json::Value;

fn record_json(block: &[u8]) -> Value {
    let mut text = String::new();
    json::write(block, &mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Checks that a commit's frame, CAR and commit object agree, and gives the record of each op.
fn records<'a>(commit: &CommitFrame<'a>) -> Vec<Option<(Cid, &'a [u8])>> {
    let slice = CarSlice::read(commit.blocks).unwrap();
    assert_eq!(slice.root(), commit.commit);
    let object = CommitObject::decode(slice.get(&commit.commit).unwrap()).unwrap();
    assert_eq!((&object.did, object.rev), (&commit.repo, commit.rev));
    let record = |cid: Cid| {
        let block = slice.get(&cid).unwrap();
        check_one(block).unwrap();
        (cid, block)
    };
    commit.ops.iter().map(|op| op.cid.map(record)).collect()
}

/// A frame in the form of the Jetstream events that stand for it (without their time).
fn as_jetstream(frame: &Frame<'_>) -> Vec<Value> {
    match frame {
        Frame::Commit(commit) => commit
            .ops
            .iter()
            .zip(records(commit))
            .map(|(op, record)| {
                let (collection, rkey) = syntax::split_path(op.path).unwrap();
                let operation = match op.action {
                    OpAction::Create => "create",
                    OpAction::Update => "update",
                    OpAction::Delete => "delete",
                };
                let mut event = serde_json::json!({
                    "rev": commit.rev.as_str(), "operation": operation,
                    "collection": collection.as_str(), "rkey": rkey.as_str(),
                });
                if let Some((cid, block)) = record {
                    event["record"] = record_json(block);
                    event["cid"] = cid.to_string().into();
                }
                serde_json::json!({"did": commit.repo.as_str(), "kind": "commit", "commit": event})
            })
            .collect(),
        Frame::Identity(f) => {
            let did = f.did.as_str();
            let mut event = serde_json::json!({"did": did, "seq": f.seq, "time": f.time});
            if let Some(handle) = f.handle {
                event["handle"] = handle.into();
            }
            vec![serde_json::json!({"did": did, "kind": "identity", "identity": event})]
        }
        Frame::Account(f) => vec![serde_json::json!({
            "did": f.did.as_str(), "kind": "account",
            "account": {"did": f.did.as_str(), "seq": f.seq, "time": f.time, "active": f.active},
        })],
        other => panic!("no such event in this recording: {other:?}"),
    }
}

#[test]
fn frames_of_the_network_hold_what_jetstream_sent_for_them() {
    const FOLDER: &str = "conformance/jetstream-v2/internal/corpus/testdata";
    let Some(frames) = shared_data::frames(&format!("{FOLDER}/frames.bin.zst"), u32::from_le_bytes)
    else {
        return;
    };
    assert_eq!(frames.len(), 150);
    let lines = shared_data::read(&format!("{FOLDER}/expected_v1.jsonl")).unwrap();
    let by_account = |events: Vec<Value>| {
        let mut map: HashMap<String, Vec<String>> = HashMap::new();
        for event in events {
            let did = event["did"].as_str().unwrap().to_owned();
            map.entry(did).or_default().push(event.to_string());
        }
        map.values_mut().for_each(|events| events.sort());
        map
    };
    let expected = lines
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut event: Value = serde_json::from_slice(line).unwrap();
            event.as_object_mut().unwrap().remove("time_us");
            event
        });
    let ours = frames
        .iter()
        .flat_map(|frame| as_jetstream(&Frame::decode(frame).unwrap()));
    let (ours, expected) = (by_account(ours.collect()), by_account(expected.collect()));
    assert_eq!(ours.len(), expected.len());
    for (did, events) in expected {
        assert_eq!(ours.get(&did), Some(&events), "{did}");
    }
}

/// Every record that the PDS reports at the end came through some frame with the same CID and the same value.
fn recording_holds_its_truth(name: &str) {
    let folder = format!("recordings/{name}");
    let Some(frames) = shared_data::frames(&format!("{folder}/frames.bin.zst"), u32::from_be_bytes)
    else {
        return;
    };
    let mut values: HashMap<String, Value> = HashMap::new();
    let (mut last_seq, mut ops) = (0, 0);
    for message in &frames {
        let frame = Frame::decode(message).unwrap();
        if let Some(seq) = frame.seq() {
            assert!(seq > last_seq);
            last_seq = seq;
        }
        let Frame::Commit(commit) = &frame else {
            assert!(!matches!(
                frame,
                Frame::Unknown { .. } | Frame::Error { .. }
            ));
            continue;
        };
        for (op, record) in commit.ops.iter().zip(records(commit)) {
            syntax::split_path(op.path).unwrap();
            ops += 1;
            if let Some((cid, block)) = record {
                values.insert(cid.to_string(), record_json(block));
            }
        }
    }
    let truth = shared_data::json(&format!("{folder}/truth.json.zst")).unwrap();
    let mut compared = 0;
    for account in truth.as_object().unwrap().values() {
        let collections = account["collections"].as_object().into_iter().flatten();
        for record in collections.flat_map(|(_, records)| records.as_object().unwrap().values()) {
            assert_eq!(
                values.get(record["cid"].as_str().unwrap()),
                Some(&record["value"])
            );
            compared += 1;
        }
    }
    assert!(
        compared > 100 && ops >= compared,
        "{compared} records, {ops} ops"
    );
}

#[test]
fn the_small_recording_holds_its_truth() {
    recording_holds_its_truth("small");
}

#[test]
fn the_medium_recording_holds_its_truth() {
    recording_holds_its_truth("medium");
}

#[test]
fn a_cut_frame_is_an_error_and_a_flipped_bit_no_panic() {
    let Some(frames) = shared_data::frames("recordings/small/frames.bin.zst", u32::from_be_bytes)
    else {
        return;
    };
    let mut named = 0;
    for message in frames
        .iter()
        .filter(|message| message.len() < 8_192)
        .take(20)
    {
        for len in (0..message.len()).step_by(13) {
            assert!(Frame::decode(&message[..len]).is_err());
        }
        let cut = &message[..message.len() - 1];
        named += usize::from(aviary::atproto::frame::seq_hint(cut).is_some());
        for at in (0..message.len()).step_by(7) {
            let mut flipped = message.clone();
            flipped[at] ^= 0x40;
            if let Ok(Frame::Commit(commit)) = Frame::decode(&flipped) {
                // The blocks may still be wrong; that is for the CAR to say.
                let _either = CarSlice::read(commit.blocks);
            }
        }
    }
    assert_eq!(named, 20);
}
