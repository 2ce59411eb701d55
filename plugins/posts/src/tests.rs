//! Records in, rows out; requests in, answers out.

use aviary_plugin::testing::{self, Outcome, Param, Value};
use serde_json::{Value as Json, json};

use super::Plugin;

const PARENT: &str = "at://did:plc:b/app.bsky.feed.post/3kparent";
const ROOT: &str = "at://did:plc:c/app.bsky.feed.post/3kroot";

fn index(record: &Json) -> Outcome {
    testing::index::<Plugin>("app.bsky.feed.post", record)
}

/// Text, languages, parent, root of the one row.
fn row(record: &Json) -> [Value; 4] {
    match index(record) {
        Outcome::Apply(puts) if puts.len() == 1 => {
            assert_eq!((puts[0].table, puts[0].row.len()), (0, 5));
            std::array::from_fn(|i| puts[0].row[i].clone())
        }
        Outcome::Reject(reason) => panic!("rejected: {reason}"),
        _ => panic!("not one row"),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn a_reply_becomes_a_row() {
    let got = row(&json!({
        "text": "hé\u{0}", "createdAt": "2025-01-01T00:00:00Z", "langs": ["pt", "en"], "facets": [{"anything": true}],
        "reply": {"parent": {"uri": PARENT, "cid": "b"}, "root": {"uri": ROOT, "cid": "b"}},
    }));
    let langs = Value::Json("[\"pt\",\"en\"]".into());
    assert_eq!(got, [text("hé\u{0}"), langs, text(PARENT), text(ROOT)]);
}

#[test]
fn what_does_not_fit_is_left_out_and_the_post_stays() {
    let got = row(&json!({
        "text": "", "createdAt": "now", "langs": [],
        "reply": {"parent": {"uri": "at://alice.test/app.bsky.feed.post/3k", "cid": "b"}},
    }));
    assert_eq!(got, [text(""), Value::Null, Value::Null, Value::Null]);
    let got = row(&json!({"text": "t", "createdAt": "", "langs": ["a", "b", "c", "d"]}));
    assert_eq!(got[1], Value::Json("[\"a\",\"b\",\"c\"]".into()));
}

#[test]
fn what_is_no_post_is_rejected_with_a_reason() {
    let long = "x".repeat(3_001);
    for (record, part) in [
        (json!({"createdAt": ""}), "missing field `text`"),
        (json!({"text": "t"}), "missing field `createdAt`"),
        (json!({"text": long, "createdAt": ""}), "got 3001"),
        (json!({"text": null, "createdAt": ""}), "invalid type: null"),
    ] {
        let Outcome::Reject(reason) = index(&record) else {
            panic!("accepted {record}");
        };
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn an_author_s_posts_come_in_the_lexicon_s_shape() {
    testing::set_reads(|name, params| {
        assert_eq!(name, "latest_of");
        assert_eq!(params[0], Param::One(text("did:plc:a")));
        Ok(vec![vec![
            text("at://did:plc:a/app.bsky.feed.post/3k"),
            text("bafyc"),
            text("hi"),
            Value::Json("[\"en\"]".into()),
            Value::Null,
            Value::Null,
            Value::TimeUs(0),
            Value::TimeUs(1),
        ]])
    });
    let response = testing::call::<Plugin>(
        "community.aviary.posts.getAuthorPosts",
        &json!({"actor": "did:plc:a", "limit": 50}),
    )
    .unwrap();
    let page: Json = serde_json::from_str(response.as_json().unwrap()).unwrap();
    let post = json!({
        "uri": "at://did:plc:a/app.bsky.feed.post/3k", "cid": "bafyc", "text": "hi", "langs": ["en"],
        "createdAt": "1970-01-01T00:00:00.000Z", "indexedAt": "1970-01-01T00:00:00.000001Z",
    });
    assert_eq!(page, json!({"posts": [post]}));
}
