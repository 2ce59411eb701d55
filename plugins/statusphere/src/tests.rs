//! Records in, rows out; requests in, answers out.

use aviary_plugin::testing::{self, Outcome, Param, Put, SEEN_US, Value};
use serde_json::{Value as Json, json};

use super::Plugin;

const COLLECTION: &str = "xyz.statusphere.status";
const URI: &str = "at://did:plc:a/xyz.statusphere.status/3k";

fn index(record: &Json) -> Outcome {
    testing::index::<Plugin>(COLLECTION, record)
}

fn row(status: &str, created_us: i64) -> Outcome {
    let row = vec![Value::Text(status.into()), Value::TimeUs(created_us)];
    Outcome::Apply(vec![Put { table: 0, row }])
}

#[test]
fn a_status_becomes_a_row() {
    let record =
        json!({"$type": COLLECTION, "status": "🦜", "createdAt": "2025-12-31T23:59:59.5Z"});
    assert_eq!(index(&record), row("🦜", 1_767_225_599_500_000));
}

#[test]
fn a_claim_from_the_future_or_without_sense_counts_as_seen() {
    let seen = i64::try_from(SEEN_US).unwrap();
    for claim in ["2099-01-01T00:00:00Z", "yesterday", ""] {
        assert_eq!(
            index(&json!({"status": "a", "createdAt": claim})),
            row("a", seen),
            "{claim}"
        );
    }
}

#[test]
fn bad_statuses_are_rejected_with_a_reason() {
    let long = "x".repeat(33);
    for (record, part) in [
        (
            json!({"createdAt": "2025-01-01T00:00:00Z"}),
            "missing field `status`",
        ),
        (json!({"status": "a"}), "missing field `createdAt`"),
        (
            json!({"status": 7, "createdAt": ""}),
            "invalid type: integer",
        ),
        (json!({"status": "", "createdAt": ""}), "got 0"),
        (json!({"status": long, "createdAt": ""}), "got 33"),
        (json!([]), "invalid length"),
    ] {
        let Outcome::Reject(reason) = index(&record) else {
            panic!("accepted {record}");
        };
        assert!(reason.contains(part), "{reason}");
    }
}

fn status_row(us: i64) -> Vec<Value> {
    vec![
        Value::Text(URI.into()),
        Value::Text("bafyc".into()),
        Value::Text("did:plc:a".into()),
        Value::Text("🦜".into()),
        Value::TimeUs(us),
        Value::TimeUs(1_000_000),
    ]
}

fn answer(method: &str, params: &Json) -> Json {
    let response = testing::call::<Plugin>(method, params).unwrap();
    serde_json::from_str(response.as_json().unwrap()).unwrap()
}

#[test]
fn pages_follow_each_other() {
    testing::set_reads(|name, params| {
        assert_eq!((name, params.len()), ("latest", 3));
        match &params[0] {
            Param::One(Value::TimeUs(i64::MAX)) => Ok(vec![status_row(0)]),
            Param::One(Value::TimeUs(0)) => {
                assert_eq!(params[1], Param::One(Value::Text(URI.into())));
                Ok(Vec::new())
            }
            other => panic!("read after {other:?}"),
        }
    });
    let first = answer("xyz.statusphere.getStatuses", &json!({"limit": 1}));
    let view = json!({
        "uri": URI, "cid": "bafyc", "did": "did:plc:a", "status": "🦜",
        "createdAt": "1970-01-01T00:00:00.000Z", "indexedAt": "1970-01-01T00:00:01.000Z",
    });
    assert_eq!(first["statuses"], json!([view]));
    let next = json!({"limit": 1, "cursor": first["cursor"]});
    let second = answer("xyz.statusphere.getStatuses", &next);
    assert_eq!(second, json!({"statuses": []}));
}

#[test]
fn one_account_s_statuses_have_their_own_read() {
    testing::set_reads(|name, params| {
        assert_eq!(name, "latest_of");
        assert_eq!(params[0], Param::One(Value::Text("did:plc:a".into())));
        Ok(vec![status_row(0)])
    });
    let page = answer(
        "xyz.statusphere.getStatuses",
        &json!({"actor": "did:plc:a", "limit": 2}),
    );
    assert_eq!(page["statuses"][0]["did"], "did:plc:a");
    assert_eq!(page.get("cursor"), None);
}

#[test]
fn counts_are_passed_on() {
    testing::set_reads(|name, params| {
        assert_eq!(name, "counts");
        assert_eq!(params, [Param::One(Value::Integer(20))]);
        Ok(vec![vec![Value::Text("🦜".into()), Value::Integer(3)]])
    });
    assert_eq!(
        answer("xyz.statusphere.getStatusCounts", &json!({"limit": 20})),
        json!({"counts": [{"status": "🦜", "count": 3}]})
    );
}

#[test]
fn failures_are_xrpc_errors() {
    let error = |method, params: Json| {
        let e = testing::call::<Plugin>(method, &params).err().unwrap();
        (e.status(), e.error().to_owned(), e.message().to_owned())
    };
    let (status, name, message) = error(
        "xyz.statusphere.getStatuses",
        json!({"limit": 1, "cursor": "!"}),
    );
    assert_eq!((status, name.as_str()), (400, "InvalidRequest"));
    assert!(message.contains("cursor"), "{message}");
    assert_eq!(
        error("xyz.statusphere.getStatuses", json!({"limit": 1})).0,
        503
    );
    assert_eq!(error("xyz.statusphere.other", json!({})).0, 501);
    testing::set_reads(|_, _| Ok(vec![vec![Value::Null]]));
    assert_eq!(
        error("xyz.statusphere.getStatuses", json!({"limit": 1})).0,
        500
    );
}
