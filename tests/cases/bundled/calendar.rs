//! The calendar over its fixtures: rows, answers that replace each other, a range by overlap.

use serde_json::{Value, json};

use super::bed::{Bed, Write, field, fixtures, us, without};

const SEEN: &str = "2026-08-01T00:00:00Z";
const EVENT: &str = "community.lexicon.calendar.event";
const RSVP: &str = "community.lexicon.calendar.rsvp";

fn event(who: &str, rkey: &str) -> String {
    format!("at://did:plc:{who}/{EVENT}/{rkey}")
}

fn rsvp(who: &str, rkey: &str) -> String {
    format!("at://did:plc:{who}/{RSVP}/{rkey}")
}

/// A row as a dump shows it.
fn line(cells: &[&str]) -> String {
    cells.join(" | ")
}

async fn filled() -> Bed {
    let mut bed = Bed::new("calendar").await;
    bed.put(us(SEEN), &fixtures("calendar")).await;
    bed
}

/// The range that the fixtures are about.
const RANGE: [(&str, &str); 2] = [
    ("from", "2026-08-10T00:00:00Z"),
    ("to", "2026-08-12T00:00:00Z"),
];

/// What is on in it, the first to start first; of two that start at once the smaller address.
fn in_range() -> [String; 7] {
    [
        event("bob", "season"),
        event("ann", "night"),
        event("ann", "midnight"),
        event("ann", "backwards"),
        event("ann", "walk"),
        event("bob", "twin"),
        event("bob", "last"),
    ]
}

#[tokio::test]
async fn records_become_these_rows() {
    let dump = filled().await.dump().await;
    let at = |text: &str| us(text).to_string();
    let made = at("2026-07-01T00:00:00Z");

    // Of thirteen events one has no name.
    let events = &dump["calendar.events"];
    assert_eq!(events.len(), 12);
    let season = line(&[
        &event("bob", "season"),
        "All year",
        "Doors are open",
        &at("2026-01-01T00:00:00Z"),
        &at("2026-12-31T00:00:00Z"),
        "hybrid",
        "rescheduled",
        r#"[{"$type":"community.lexicon.location.address","country":"PT"}]"#,
        r#"[{"uri":"https://example.com/season"}]"#,
        &at("2026-01-01T00:00:00Z"),
    ]);
    let backwards = line(&[
        &event("ann", "backwards"),
        "Ends before it begins",
        "null",
        &at("2026-08-10T12:00:00Z"),
        "null",
        "inperson",
        "scheduled",
        "null",
        "null",
        &made,
    ]);
    assert!(
        events.contains(&season) && events.contains(&backwards),
        "{events:#?}"
    );
}

/// Of the twelve events one has no start. A walk of two hours has a span of sixteen, a year one of 65,536.
#[tokio::test]
async fn what_has_a_start_has_times() {
    let dump = filled().await.dump().await;
    let at = |text: &str| us(text).to_string();
    let times = &dump["calendar.times"];
    assert_eq!(times.len(), 11);
    let hours = |n: i64| (n * 3_600_000_000).to_string();
    let walk = [
        &at("2026-08-10T19:00:00Z"),
        &at("2026-08-10T21:00:00Z"),
        &hours(16),
    ];
    let season = [
        &at("2026-01-01T00:00:00Z"),
        &at("2026-12-31T00:00:00Z"),
        &hours(65_536),
    ];
    let moment = [
        &at("2026-08-10T00:00:00Z"),
        &at("2026-08-10T00:00:00Z"),
        &hours(1),
    ];
    for (uri, cells) in [
        (event("ann", "walk"), walk),
        (event("bob", "season"), season),
        (event("ann", "midnight"), moment),
    ] {
        let wanted = line(&[&uri, cells[0], cells[1], cells[2]]);
        assert!(times.contains(&wanted), "{wanted}: {times:#?}");
    }
}

#[tokio::test]
async fn answers_become_these_rows() {
    let dump = filled().await.dump().await;
    let at = |text: &str| us(text).to_string();
    let walk = event("ann", "walk");
    let row = |uri: String, status: &str, at: String| line(&[&uri, &walk, status, &at]);
    let mut rsvps = vec![
        row(rsvp("ann", "r1"), "going", at("2026-07-02T00:00:00Z")),
        row(rsvp("bob", "r1"), "going", at("2026-07-03T00:00:00Z")),
        row(rsvp("bob", "r2"), "interested", at("2026-07-04T00:00:00Z")),
        row(rsvp("cid", "r1"), "going", "(first seen)".into()),
        row(rsvp("dee", "r1"), "notgoing", at("2026-07-05T00:00:00Z")),
        row(
            rsvp("eve", "r1"),
            "com.example.rsvp#perhaps",
            at("2026-07-06T00:00:00Z"),
        ),
        line(&[
            &rsvp("eve", "r2"),
            &event("bob", "season"),
            "going",
            &at("2026-07-06T00:00:00Z"),
        ]),
    ];
    rsvps.sort();
    assert_eq!(dump["calendar.rsvps"], rsvps);
    let counts = [
        line(&[&walk, "com.example.rsvp#perhaps", "1"]),
        line(&[&walk, "going", "2"]),
        line(&[&walk, "interested", "1"]),
        line(&[&walk, "notgoing", "1"]),
        line(&[&event("bob", "season"), "going", "1"]),
    ];
    assert_eq!(dump["calendar.by_status"], counts);
    let letters = [
        line(&["calendar", &event("bob", "nameless"), "rejected"]),
        line(&["calendar", &rsvp("eve", "r4"), "rejected"]),
    ];
    assert_eq!(dump["dead_letter"], letters);
}

#[tokio::test]
async fn a_range_has_what_is_on_in_it() {
    let bed = filled().await;
    for limit in ["1", "2", "3", "6", "7", "100"] {
        let params = [RANGE[0], RANGE[1], ("limit", limit)];
        let events = bed.pages("getEvents", &params, "events").await;
        assert_eq!(field(&events, "uri"), in_range(), "pages of {limit}");
    }
    // What ended as the range begins is in one that begins a moment before.
    let from = ("from", "2026-08-09T23:59:59.999999Z");
    let earlier = bed.pages("getEvents", &[from, RANGE[1]], "events").await;
    assert_eq!(field(&earlier, "uri")[1], event("ann", "until"));
    assert_eq!(earlier.len(), 8);
    let none = [
        ("from", "2027-01-01T00:00:00Z"),
        ("to", "2028-01-01T00:00:00Z"),
    ];
    assert_eq!(bed.get(0, "getEvents", &none).await, json!({"events": []}));
}

#[tokio::test]
async fn events_are_shown_with_what_people_answer_last() {
    let bed = filled().await;
    let shown = bed.get(0, "getEvents", &RANGE).await;
    let season = without(&shown["events"][0], &["cid"]);
    let expected = json!({
        "uri": event("bob", "season"), "did": "did:plc:bob", "name": "All year", "description": "Doors are open",
        "startsAt": "2026-01-01T00:00:00.000Z", "endsAt": "2026-12-31T00:00:00.000Z", "mode": "hybrid",
        "status": "rescheduled", "locations": [{"$type": "community.lexicon.location.address", "country": "PT"}],
        "uris": [{"uri": "https://example.com/season"}], "createdAt": "2026-01-01T00:00:00.000Z",
        "indexedAt": "2026-08-01T00:00:00.000Z", "rsvpCounts": {"going": 1, "interested": 0, "notgoing": 0},
    });
    assert_eq!(season, expected);

    let walk = event("ann", "walk");
    let counts = |bed: Bed| async {
        let page = bed
            .get(0, "getEvent", &[("uri", &event("ann", "walk"))])
            .await;
        (bed, page["event"]["rsvpCounts"].clone())
    };
    let rsvps = bed
        .pages("getEvent", &[("uri", &walk), ("limit", "2")], "rsvps")
        .await;
    // Newest first; who does not say when is taken to have answered when it was seen. Of bob's two the newer counts.
    let expected = ["cid/r1", "eve/r1", "dee/r1", "bob/r2", "ann/r1"];
    let expected = expected
        .map(|who| who.split_once('/').unwrap())
        .map(|(who, key)| rsvp(who, key));
    assert_eq!(field(&rsvps, "uri"), expected);
    let statuses = [
        "going",
        "com.example.rsvp#perhaps",
        "notgoing",
        "interested",
        "going",
    ];
    assert_eq!(field(&rsvps, "status"), statuses);
    let (mut bed, first) = counts(bed).await;
    assert_eq!(first, json!({"going": 2, "interested": 1, "notgoing": 1}));

    // Without the newer, the older is what bob says again; with another, that is.
    bed.put(us(SEEN), &[Write::delete(rsvp("bob", "r2"))]).await;
    let (mut bed, second) = counts(bed).await;
    assert_eq!(second, json!({"going": 3, "interested": 0, "notgoing": 1}));
    let record =
        json!({"subject": {"uri": walk, "cid": "b"}, "status": format!("{RSVP}#notgoing")});
    bed.put(us(SEEN), &[Write::new(rsvp("bob", "r3"), record)])
        .await;
    let (_, third) = counts(bed).await;
    assert_eq!(third, json!({"going": 2, "interested": 0, "notgoing": 2}));
}

#[tokio::test]
async fn who_is_hidden_has_no_event_and_no_answer() {
    let mut bed = filled().await;
    bed.account("did:plc:cid", false).await;
    bed.account("did:plc:bob", false).await;
    bed.index().await;
    let events = bed.get(0, "getEvents", &RANGE).await;
    let events = events["events"].as_array().unwrap();
    let expected: Vec<String> = in_range()
        .into_iter()
        .filter(|uri| uri.contains("ann"))
        .collect();
    assert_eq!(field(events, "uri"), expected);
    let walk = event("ann", "walk");
    let page = bed.get(0, "getEvent", &[("uri", &walk)]).await;
    assert_eq!(
        page["event"]["rsvpCounts"],
        json!({"going": 1, "interested": 0, "notgoing": 1})
    );
    let dids = field(page["rsvps"].as_array().unwrap(), "did");
    assert_eq!(dids, ["did:plc:eve", "did:plc:dee", "did:plc:ann"]);
    let gone = bed
        .ask(0, "getEvent", &[("uri", &event("bob", "season"))])
        .await;
    assert_eq!(gone, Err((400, "EventNotFound".into())));
}

#[tokio::test]
async fn an_event_that_moves_is_where_it_is_now() {
    let mut bed = filled().await;
    let moved = json!({
        "name": "Owl walk", "createdAt": "2026-07-01T00:00:00Z", "startsAt": "2026-09-10T19:00:00Z",
        "status": format!("{EVENT}#rescheduled"),
    });
    let writes = [
        Write::new(event("ann", "walk"), moved),
        Write::delete(event("ann", "night")),
    ];
    bed.put(us(SEEN), &writes).await;
    let events = bed.pages("getEvents", &RANGE, "events").await;
    let gone = [event("ann", "walk"), event("ann", "night")];
    let expected: Vec<String> = in_range()
        .into_iter()
        .filter(|uri| !gone.contains(uri))
        .collect();
    assert_eq!(field(&events, "uri"), expected);
    let september = [
        ("from", "2026-09-10T19:00:00Z"),
        ("to", "2026-09-10T19:00:00.000001Z"),
    ];
    let events = bed.pages("getEvents", &september, "events").await;
    assert_eq!(
        field(&events, "uri"),
        [event("bob", "season"), event("ann", "walk")]
    );
    assert_eq!(events[1]["rsvpCounts"]["going"], 2, "the answers stay");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let bed = filled().await;
    let invalid: Result<Value, _> = Err((400, "InvalidRequest".to_owned()));
    for params in [
        &[RANGE[0]][..],
        &[("from", "2026-08-10"), RANGE[1]],
        &[("from", RANGE[1].1), ("to", RANGE[0].1)],
        &[RANGE[0], RANGE[1], ("limit", "101")],
        &[RANGE[0], RANGE[1], ("cursor", "MQ")],
    ] {
        assert_eq!(bed.ask(0, "getEvents", params).await, invalid, "{params:?}");
    }
    let unknown = bed
        .ask(0, "getEvent", &[("uri", &event("ann", "never"))])
        .await;
    assert_eq!(unknown, Err((400, "EventNotFound".into())));
}
