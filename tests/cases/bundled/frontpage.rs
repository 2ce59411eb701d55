//! The link aggregator over its fixtures: rows of both lexicons, lists, a thread, votes that count once.

use serde_json::json;

use super::bed::{Bed, Write, field, fixtures, us, without};

/// When the host sees the fixtures.
const SEEN: &str = "2026-08-02T09:30:00Z";

fn old(who: &str, kind: &str, rkey: &str) -> String {
    format!("at://did:plc:{who}/fyi.unravel.frontpage.{kind}/{rkey}")
}

fn new(who: &str, kind: &str, rkey: &str) -> String {
    format!("at://did:plc:{who}/fyi.frontpage.feed.{kind}/{rkey}")
}

/// The three links, in the order of their making.
fn posts() -> [String; 3] {
    [
        old("ann", "post", "p1"),
        new("bob", "post", "p2"),
        old("cid", "post", "p3"),
    ]
}

/// The four comments on the first, in the order of their making.
fn comments() -> [String; 4] {
    [
        old("bob", "comment", "c1"),
        new("ann", "comment", "c2"),
        old("cid", "comment", "c3"),
        old("dee", "comment", "c4"),
    ]
}

/// A row as a dump shows it.
fn line(cells: &[&str]) -> String {
    cells.join(" | ")
}

async fn filled() -> Bed {
    let mut bed = Bed::new("frontpage").await;
    bed.put(us(SEEN), &fixtures("frontpage")).await;
    bed
}

#[tokio::test]
async fn records_become_these_rows() {
    let dump = filled().await.dump().await;
    let at = |time: &str| us(&format!("2026-08-01T{time}:00Z")).to_string();
    let ([p1, p2, p3], [c1, c2, c3, c4]) = (posts(), comments());
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let links = sorted(vec![
        line(&[
            &p1,
            "Owls of the north",
            "https://example.com/owls",
            &at("10:00"),
        ]),
        line(&[
            &p2,
            "A lamp that lasts",
            "https://example.com/lamp",
            &at("11:00"),
        ]),
        line(&[
            &p3,
            "In the form of the other",
            "http://example.com/form",
            &at("12:00"),
        ]),
    ]);
    assert_eq!(dump["frontpage.posts"], links);
    let texts = sorted(vec![
        line(&[&c1, &p1, "null", "Which ones?", &at("10:10")]),
        line(&[
            &c2,
            &p1,
            &c1,
            "The grey one.\n\nAnd the snowy one.",
            &at("10:20"),
        ]),
        line(&[&c3, &p1, &c1, "And the pygmy owl.", &at("10:30")]),
        line(&[&c4, &p1, "null", "Nice.", &at("10:40")]),
    ]);
    assert_eq!(dump["frontpage.comments"], texts);
    let hour = us("2026-08-02T09:00:00Z").to_string();
    let votes = sorted(vec![
        line(&[&old("bob", "vote", "v1"), &p1, &hour]),
        line(&[&new("bob", "vote", "v2"), &p1, &hour]),
        line(&[&new("cid", "vote", "v1"), &p1, &hour]),
        line(&[&old("dee", "vote", "v1"), &c1, &hour]),
        line(&[&new("ann", "vote", "v1"), &p2, &hour]),
    ]);
    assert_eq!(dump["frontpage.votes"], votes);

    let by_subject = [(&p1, "2"), (&p2, "1"), (&c1, "1")];
    let counts = by_subject.map(|(uri, n)| line(&[uri, n])).to_vec();
    assert_eq!(dump["frontpage.votes_by_subject"], sorted(counts));
    let counts = by_subject.map(|(uri, n)| line(&[uri, &hour, n])).to_vec();
    assert_eq!(dump["frontpage.votes_by_hour"], sorted(counts));
    assert_eq!(dump["frontpage.comments_by_post"], [line(&[&p1, "4"])]);
    assert_eq!(dump["frontpage.comments_by_parent"], [line(&[&c1, "2"])]);

    let dead = [
        new("ann", "comment", "c6"),
        old("ann", "vote", "v3"),
        new("dee", "post", "p4"),
    ];
    let letters = dead.map(|uri| line(&["frontpage", &uri, "rejected"]));
    assert_eq!(dump["dead_letter"], letters);
}

#[tokio::test]
async fn links_are_listed_newest_first() {
    let bed = filled().await;
    let [p1, p2, p3] = posts();
    for limit in ["1", "2", "3", "50"] {
        let shown = bed.pages("getNewPosts", &[("limit", limit)], "posts").await;
        assert_eq!(field(&shown, "uri"), [&*p3, &*p2, &*p1], "pages of {limit}");
    }
    let page = bed.get(0, "getNewPosts", &[]).await;
    let expected = json!({
        "uri": p1, "did": "did:plc:ann", "title": "Owls of the north", "url": "https://example.com/owls",
        "voteCount": 2, "commentCount": 4, "createdAt": "2026-08-01T10:00:00.000Z",
        "indexedAt": "2026-08-02T09:30:00.000Z",
    });
    assert_eq!(without(&page["posts"][2], &["cid"]), expected);
}

#[tokio::test]
async fn links_are_ranked_by_votes_and_age() {
    let bed = filled().await;
    let [p1, p2, p3] = posts();
    let top = |now_us: i64| {
        let bed = &bed;
        async move {
            let page = bed.get(now_us, "getTopPosts", &[]).await;
            let uris = field(page["posts"].as_array().unwrap(), "uri");
            uris.into_iter().map(str::to_owned).collect::<Vec<_>>()
        }
    };
    // Two votes at 23 hours, one at 22, none at 21: 3/25^2, 2/24^2, 1/23^2.
    let second = 1_000_000;
    assert_eq!(top(us(SEEN) + 10 * second).await, [&*p1, &*p2, &*p3]);
    // A reading that takes the present a moment before the votes were seen does not know of them.
    assert_eq!(top(us(SEEN) + 4 * second).await, [&*p3, &*p2, &*p1]);
    // The votes are of a whole hour then, and not of the running one.
    assert_eq!(top(us("2026-08-02T11:00:00Z")).await, [&*p1, &*p2, &*p3]);
    // After seven days a link is ranked no more.
    assert_eq!(top(us("2026-08-08T11:30:00Z")).await, [&*p3]);
    assert!(top(us("2026-08-08T12:30:00Z")).await.is_empty());
}

#[tokio::test]
async fn a_thread_has_its_comments_with_what_they_answer() {
    let bed = filled().await;
    let ([p1, p2, _], [c1, c2, c3, c4]) = (posts(), comments());
    let whole = [("post", &*p1), ("limit", "3")];
    let shown = bed.pages("getThread", &whole, "comments").await;
    assert_eq!(field(&shown, "uri"), [&*c1, &*c2, &*c3, &*c4]);
    let tell = |at: usize| {
        let comment = &shown[at];
        (
            comment["parent"].as_str(),
            comment["voteCount"].as_i64(),
            comment["replyCount"].as_i64(),
        )
    };
    assert_eq!(tell(0), (None, Some(1), Some(2)));
    assert_eq!(tell(1), (Some(&*c1), Some(0), Some(0)));
    assert_eq!(shown[1]["text"], "The grey one.\n\nAnd the snowy one.");

    let answers = [("post", &*p1), ("parent", &*c1), ("limit", "1")];
    let shown = bed.pages("getThread", &answers, "comments").await;
    assert_eq!(field(&shown, "uri"), [&*c2, &*c3]);
    let elsewhere = [("post", &*p2), ("parent", &*c1)];
    let page = bed.get(0, "getThread", &elsewhere).await;
    assert_eq!(
        (&page["post"]["uri"], &page["comments"]),
        (&json!(p2), &json!([]))
    );
    for no_post in [new("dee", "post", "p4"), c1] {
        let refused = bed.ask(0, "getThread", &[("post", &no_post)]).await;
        assert_eq!(refused, Err((400, "PostNotFound".into())), "{no_post}");
    }
}

#[tokio::test]
async fn one_vote_of_an_account_counts() {
    let mut bed = filled().await;
    let [p1, ..] = posts();
    let votes = |bed: Bed| {
        let params = [("post", posts()[0].clone())];
        async move {
            let params = params.each_ref().map(|(name, uri)| (*name, uri.as_str()));
            let page = bed.get(0, "getThread", &params).await;
            (bed, page["post"]["voteCount"].clone())
        }
    };
    bed.put(us(SEEN), &[Write::delete(new("bob", "vote", "v2"))])
        .await;
    let (mut bed, left) = votes(bed).await;
    assert_eq!(left, 2, "the older of two counts again");
    bed.put(us(SEEN), &[Write::delete(old("bob", "vote", "v1"))])
        .await;
    let (mut bed, left) = votes(bed).await;
    assert_eq!(left, 1);
    let vote = json!({"subject": {"uri": p1, "cid": "b"}, "createdAt": SEEN});
    let again = ["v3", "v4", "v5"].map(|rkey| Write::new(new("bob", "vote", rkey), vote.clone()));
    bed.put(us(SEEN), &again).await;
    let (_, left) = votes(bed).await;
    assert_eq!(left, 2);
}

#[tokio::test]
async fn who_is_hidden_has_no_link_and_no_vote() {
    let mut bed = filled().await;
    let [p1, p2, p3] = posts();
    bed.account("did:plc:bob", false).await;
    bed.index().await;
    let page = bed.get(0, "getNewPosts", &[]).await;
    let shown = page["posts"].as_array().unwrap();
    assert_eq!(field(shown, "uri"), [&*p3, &*p1]);
    // Of two votes one is hidden, of four comments one.
    assert_eq!(
        (&shown[1]["voteCount"], &shown[1]["commentCount"]),
        (&json!(1), &json!(3))
    );
    let gone = bed.ask(0, "getThread", &[("post", &p2)]).await;
    assert_eq!(gone, Err((400, "PostNotFound".into())));
    bed.account("did:plc:bob", true).await;
    bed.index().await;
    let page = bed.get(0, "getNewPosts", &[]).await;
    assert_eq!(page["posts"].as_array().unwrap().len(), 3);
    assert_eq!(page["posts"][2]["voteCount"], 2);
}
