//! Records in, rows out; requests in, answers out.

use aviary_plugin::testing::{self, Outcome, Param, Put, SEEN_US, Value};
use serde_json::{Value as Json, json};

use super::Plugin;

const POST: &str = "at://did:plc:a/fyi.frontpage.feed.post/3ka";
const OLD_POST: &str = "at://did:plc:b/fyi.unravel.frontpage.post/3kb";
const COMMENT: &str = "at://did:plc:c/fyi.unravel.frontpage.comment/3kc";
const OTHER: &str = "at://did:plc:a/app.bsky.feed.post/3k";

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn row(collection: &str, record: &Json) -> (u16, Vec<Value>) {
    match testing::index::<Plugin>(collection, record) {
        Outcome::Apply(mut puts) if puts.len() == 1 => {
            let Put { table, row } = puts.remove(0);
            (table, row)
        }
        other => panic!("{record}: expected a row, got {other:?}"),
    }
}

fn refused(collection: &str, record: &Json, part: &str) {
    match testing::index::<Plugin>(collection, record) {
        Outcome::Reject(reason) => assert!(reason.contains(part), "{reason}"),
        other => panic!("{record}: expected a rejection, got {other:?}"),
    }
}

#[test]
fn links_of_both_lexicons_are_rows_of_one_table() {
    let at = "1970-01-01T00:00:00.000001Z";
    let url = "https://example.com/";
    let expected = (0, vec![text("t"), text(url), Value::TimeUs(1)]);
    let flat = json!({"title": "t", "url": url, "createdAt": at});
    let nested = json!({"title": "t", "subject": {"$type": "fyi.frontpage.feed.post#urlSubject", "url": url}, "createdAt": at});
    for collection in ["fyi.unravel.frontpage.post", "fyi.frontpage.feed.post"] {
        assert_eq!(row(collection, &flat), expected);
        assert_eq!(row(collection, &nested), expected);
    }
    let capitals = json!({"title": "", "url": "HTTP://example.com", "createdAt": at});
    assert_eq!(
        row("fyi.unravel.frontpage.post", &capitals).1[1],
        text("HTTP://example.com")
    );
}

#[test]
fn what_is_no_link_is_rejected_with_a_reason() {
    let post = "fyi.frontpage.feed.post";
    for url in [
        "javascript:alert(1)",
        "",
        "example.com",
        "https:/x",
        "ftp://x",
        "ħttps://x",
    ] {
        refused(
            post,
            &json!({"title": "t", "url": url, "createdAt": ""}),
            "expected http://",
        );
    }
    let long = format!("https://{}", "x".repeat(8 << 10));
    refused(
        post,
        &json!({"title": "t", "url": long, "createdAt": ""}),
        "got 8200 bytes",
    );
    refused(
        post,
        &json!({"title": "t", "createdAt": ""}),
        "expected a link",
    );
    refused(
        post,
        &json!({"title": "t", "subject": {}, "createdAt": ""}),
        "expected a link",
    );
    refused(
        post,
        &json!({"title": "x".repeat(3_001), "url": "https://x", "createdAt": ""}),
        "got 3001",
    );
    refused(
        post,
        &json!({"url": "https://x", "createdAt": ""}),
        "missing field `title`",
    );
}

#[test]
fn comments_of_both_lexicons_are_rows_of_one_table() {
    let old = json!({"content": "one", "post": {"uri": OLD_POST}, "parent": {"uri": COMMENT}, "createdAt": "1970-01-01T00:00:00Z"});
    let expected = vec![text(OLD_POST), text(COMMENT), text("one"), Value::TimeUs(0)];
    assert_eq!(row("fyi.unravel.frontpage.comment", &old), (1, expected));
    let new = json!({
        "blocks": [
            {"content": {"$type": "fyi.frontpage.richtext.block#plaintextParagraph", "text": "one"}},
            {"content": {"$type": "fyi.frontpage.richtext.block#picture"}},
            {"content": {"text": "two"}},
        ],
        "post": {"uri": POST}, "createdAt": "1970-01-01T00:00:00Z",
    });
    let expected = vec![
        text(POST),
        Value::Null,
        text("one\n\ntwo"),
        Value::TimeUs(0),
    ];
    assert_eq!(row("fyi.frontpage.feed.comment", &new), (1, expected));
    // What is no comment cannot be answered: the post is.
    for parent in [POST, "at://alice.test/fyi.frontpage.feed.comment/3k"] {
        let odd = json!({"content": "", "post": {"uri": POST}, "parent": {"uri": parent}, "createdAt": ""});
        assert_eq!(row("fyi.frontpage.feed.comment", &odd).1[1], Value::Null);
    }
}

#[test]
fn comments_without_text_or_post_are_none() {
    let comment = "fyi.frontpage.feed.comment";
    let on = |post: &str| json!({"post": {"uri": post}, "content": "c", "createdAt": ""});
    refused(
        comment,
        &json!({"post": {"uri": POST}, "createdAt": ""}),
        "expected a text",
    );
    refused(comment, &on("at://alice.test/x.y.z/3k"), "post.uri");
    let mut long = on(POST);
    long["content"] = "x".repeat(100_001).into();
    refused(comment, &long, "got 100001");
    for post in [OTHER, COMMENT] {
        assert_eq!(testing::index::<Plugin>(comment, &on(post)), Outcome::Skip);
    }
}

#[test]
fn a_vote_has_the_hour_in_which_it_was_seen() {
    let hour = Value::TimeUs(SEEN_US.try_into().unwrap());
    for collection in ["fyi.frontpage.feed.vote", "fyi.unravel.frontpage.vote"] {
        for subject in [POST, OLD_POST, COMMENT] {
            let record = json!({"subject": {"uri": subject}, "createdAt": "1970-01-01T00:00:00Z"});
            assert_eq!(
                row(collection, &record),
                (2, vec![text(subject), hour.clone()])
            );
        }
        let other = json!({"subject": {"uri": OTHER}, "createdAt": ""});
        assert_eq!(testing::index::<Plugin>(collection, &other), Outcome::Skip);
        refused(
            collection,
            &json!({"subject": {"uri": "https://x"}}),
            "subject.uri",
        );
        refused(
            collection,
            &json!({"subject": POST}),
            "invalid type: string",
        );
    }
}

fn view(uri: &str) -> Vec<Value> {
    let mut row = vec![
        text(uri),
        text("bafyc"),
        text("did:plc:a"),
        text("t"),
        text("https://x"),
    ];
    row.extend([Value::TimeUs(0), Value::TimeUs(1)]);
    row
}

fn counts(name: &str, params: &[Param]) -> Vec<Vec<Value>> {
    let Param::Many(_) = &params[0] else {
        panic!("{name}: {params:?}");
    };
    match name {
        // In another order than asked for.
        "posts_of" => vec![view(OLD_POST), view(POST)],
        "votes_of" => vec![vec![text(POST), Value::Integer(3)]],
        "comments_of" => vec![vec![text(OLD_POST), Value::Integer(2)]],
        "replies_of" => vec![vec![text(COMMENT), Value::Integer(4)]],
        "texts_of" => {
            let mut row = vec![text(COMMENT), text("bafyc"), text("did:plc:c"), text(POST)];
            row.extend([Value::Null, text("hm"), Value::TimeUs(0), Value::TimeUs(1)]);
            vec![row]
        }
        other => panic!("read {other}"),
    }
}

fn answer(method: &str, params: &Json) -> Json {
    let response = testing::call::<Plugin>(&format!("community.aviary.frontpage.{method}"), params);
    serde_json::from_str(response.unwrap().as_json().unwrap()).unwrap()
}

#[test]
fn the_newest_links_come_with_their_counts() {
    testing::set_reads(|name, params| match name {
        "newest" => Ok(vec![
            vec![text(POST), Value::TimeUs(2)],
            vec![text(OLD_POST), Value::TimeUs(1)],
        ]),
        _ => Ok(counts(name, params)),
    });
    let page = answer("getNewPosts", &json!({"limit": 5}));
    let post = |uri: &str, votes: i64, comments: i64| {
        json!({
            "uri": uri, "cid": "bafyc", "did": "did:plc:a", "title": "t", "url": "https://x", "voteCount": votes,
            "commentCount": comments, "createdAt": "1970-01-01T00:00:00.000Z",
            "indexedAt": "1970-01-01T00:00:00.000001Z",
        })
    };
    assert_eq!(
        page,
        json!({"posts": [post(POST, 3, 0), post(OLD_POST, 0, 2)]})
    );
}

#[test]
fn a_thread_is_read_whole_or_by_what_is_answered() {
    testing::set_reads(|name, params| match name {
        "thread" => Ok(vec![vec![text(COMMENT), Value::TimeUs(2)]]),
        "answers" => {
            assert_eq!(params[1], Param::One(text(COMMENT)));
            Ok(Vec::new())
        }
        _ => Ok(counts(name, params)),
    });
    let whole = answer("getThread", &json!({"post": POST, "limit": 1}));
    assert_eq!(whole["post"]["uri"], POST);
    let comment = &whole["comments"][0];
    assert_eq!(
        (&comment["replyCount"], &comment["text"]),
        (&json!(4), &json!("hm"))
    );
    assert!(whole["cursor"].is_string() && comment.get("parent").is_none());
    let none = answer(
        "getThread",
        &json!({"post": POST, "parent": COMMENT, "limit": 1}),
    );
    assert_eq!(none["comments"], json!([]));
}

#[test]
fn what_cannot_be_asked_is_the_caller_s_error() {
    testing::set_reads(|_, _| Ok(Vec::new()));
    let error = |method: &str, params: Json| {
        let method = format!("community.aviary.frontpage.{method}");
        let e = testing::call::<Plugin>(&method, &params).err().unwrap();
        (e.status(), e.error().to_owned())
    };
    let invalid = (400, "InvalidRequest".to_owned());
    for method in ["getTopPosts", "getNewPosts"] {
        assert_eq!(error(method, json!({"limit": 1, "cursor": "!"})), invalid);
    }
    let handle = "at://alice.test/fyi.frontpage.feed.post/3k";
    assert_eq!(
        error("getThread", json!({"post": handle, "limit": 1})),
        invalid
    );
    assert_eq!(
        error(
            "getThread",
            json!({"post": POST, "parent": "x", "limit": 1})
        ),
        invalid
    );
    let gone = error("getThread", json!({"post": POST, "limit": 1}));
    assert_eq!(gone, (400, "PostNotFound".into()));
}
