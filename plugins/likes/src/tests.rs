//! Records in, rows out; requests in, answers out.

use aviary_plugin::testing::{self, Outcome, Param, Put, Value};
use serde_json::{Value as Json, json};

use super::Plugin;

const METHOD: &str = "community.aviary.likes.getCounts";
const A: &str = "at://did:plc:b/app.bsky.feed.post/3ka";
const B: &str = "at://did:plc:b/app.bsky.feed.generator/whats-hot";

fn index(record: &Json) -> Outcome {
    testing::index::<Plugin>("app.bsky.feed.like", record)
}

#[test]
fn a_like_becomes_a_row() {
    let record =
        json!({"subject": {"uri": B, "cid": "bafyc"}, "createdAt": "1970-01-01T00:00:00.000001Z"});
    let row = vec![Value::Text(B.into()), Value::TimeUs(1)];
    assert_eq!(index(&record), Outcome::Apply(vec![Put { table: 0, row }]));
}

#[test]
fn a_like_of_no_record_is_rejected_with_a_reason() {
    for uri in [
        "",
        "at://alice.test/app.bsky.feed.post/3k",
        "at://did:plc:b",
        "https://example.com/",
    ] {
        let record = json!({"subject": {"uri": uri}, "createdAt": ""});
        let Outcome::Reject(reason) = index(&record) else {
            panic!("accepted {uri:?}");
        };
        assert!(
            reason.contains("subject.uri") && reason.contains(&format!("{uri:?}")),
            "{reason}"
        );
    }
    let Outcome::Reject(reason) = index(&json!({"subject": A, "createdAt": ""})) else {
        panic!("accepted a subject that is text");
    };
    assert!(reason.contains("invalid type: string"), "{reason}");
}

#[test]
fn counts_come_in_the_order_asked_for_and_none_is_zero() {
    testing::set_reads(|name, params| {
        assert_eq!(name, "counts_of");
        let list = [A, B].map(|uri| Value::Text(uri.into())).to_vec();
        assert_eq!(params, [Param::Many(list)]);
        Ok(vec![vec![Value::Text(B.into()), Value::Integer(7)]])
    });
    let response = testing::call::<Plugin>(METHOD, &json!({"uris": [A, B]})).unwrap();
    let body: Json = serde_json::from_str(response.as_json().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"counts": [{"uri": A, "count": 0}, {"uri": B, "count": 7}]})
    );
}

#[test]
fn a_bad_address_is_the_caller_s_error() {
    let params = json!({"uris": [A, "at://alice.test/app.bsky.feed.post/3k"]});
    let e = testing::call::<Plugin>(METHOD, &params).err().unwrap();
    assert_eq!((e.status(), e.error()), (400, "InvalidRequest"));
    assert!(e.message().contains("uris") && e.message().contains("alice.test"));
}
