//! Records in, rows out; requests in, answers out.

use aviary_plugin::testing::{self, Outcome, Param, Put, SEEN_US, Value};
use serde_json::{Value as Json, json};

use super::Plugin;

const EVENT: &str = "community.lexicon.calendar.event";
const RSVP: &str = "community.lexicon.calendar.rsvp";
const A: &str = "at://did:plc:a/community.lexicon.calendar.event/3ka";
const B: &str = "at://did:plc:b/community.lexicon.calendar.event/3kb";
const HOUR_US: i64 = 3_600_000_000;

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn puts(collection: &str, record: &Json) -> Vec<Put> {
    match testing::index::<Plugin>(collection, record) {
        Outcome::Apply(puts) => puts,
        Outcome::Reject(reason) => panic!("rejected: {reason}"),
        Outcome::Skip => panic!("skipped {record}"),
    }
}

#[test]
fn an_event_becomes_itself_and_its_times() {
    let record = json!({
        "name": "Owl walk", "description": "Bring a lamp", "createdAt": "1970-01-01T00:00:00.000001Z",
        "startsAt": "1970-01-01T20:00:00+01:00", "endsAt": "1970-01-01T21:30:00Z",
        "mode": "community.lexicon.calendar.event#hybrid", "status": "community.lexicon.calendar.event#planned",
        "locations": [{"name": "Gate"}], "uris": [],
    });
    let (start, end) = (
        Value::TimeUs(19 * HOUR_US),
        Value::TimeUs(21 * HOUR_US + HOUR_US / 2),
    );
    let event = vec![
        text("Owl walk"),
        text("Bring a lamp"),
        start.clone(),
        end.clone(),
        text("hybrid"),
        text("planned"),
        Value::Json("[{\"name\":\"Gate\"}]".into()),
        Value::Null,
        Value::TimeUs(1),
    ];
    let times = vec![start, end, Value::Integer(16 * HOUR_US)];
    let expected = [
        Put {
            table: 0,
            row: event,
        },
        Put {
            table: 1,
            row: times,
        },
    ];
    assert_eq!(puts(EVENT, &record), expected);
}

#[test]
fn what_is_not_said_is_the_lexicon_s_default_and_a_moment() {
    let record = json!({"name": "", "createdAt": "2099-01-01T00:00:00Z", "startsAt": "2099-01-01T00:00:00Z"});
    let made = puts(EVENT, &record);
    let (event, times) = (&made[0].row, &made[1].row);
    assert_eq!(
        event[3..6],
        [Value::Null, text("inperson"), text("scheduled")]
    );
    // An event may be in the future; its record's own time may not.
    assert_eq!(event[8], Value::TimeUs(SEEN_US.try_into().unwrap()));
    assert_eq!(
        (&times[0], &times[2]),
        (&times[1], &Value::Integer(HOUR_US))
    );
}

#[test]
fn times_that_make_no_sense_are_left_out_and_the_event_stays() {
    let with = |start: Json, end: Json| {
        let record = json!({"name": "n", "createdAt": "", "startsAt": start, "endsAt": end, "status": "x:moved"});
        let made = puts(EVENT, &record);
        assert_eq!(made[0].row[5], text("x:moved"));
        (made[0].row[2].clone(), made[0].row[3].clone(), made.len())
    };
    let (one, two) = ("1970-01-01T01:00:00Z", "1970-01-01T02:00:00Z");
    let (start, end) = (Value::TimeUs(HOUR_US), Value::TimeUs(2 * HOUR_US));
    assert_eq!(with(one.into(), two.into()), (start.clone(), end, 2));
    assert_eq!(with(one.into(), one.into()), (start.clone(), start, 2));
    for (start, end, rows) in [
        (two, one, 2),
        (two, "later", 2),
        ("soon", two, 1),
        ("1970-01-01", two, 1),
    ] {
        let got = with(start.into(), end.into());
        assert_eq!((got.1, got.2), (Value::Null, rows), "{start} {end}");
    }
    assert_eq!(with(Json::Null, two.into()), (Value::Null, Value::Null, 1));
}

#[test]
fn an_answer_becomes_a_row() {
    for (status, expected) in [
        ("community.lexicon.calendar.rsvp#going", "going"),
        ("community.lexicon.calendar.rsvp#notgoing", "notgoing"),
        (
            "community.lexicon.calendar.event#going",
            "community.lexicon.calendar.event#going",
        ),
        (
            "community.lexicon.calendar.rsvp",
            "community.lexicon.calendar.rsvp",
        ),
        ("perhaps", "perhaps"),
    ] {
        let record = json!({"subject": {"uri": A, "cid": "bafyc"}, "status": status});
        let seen = Value::TimeUs(SEEN_US.try_into().unwrap());
        let row = vec![text(A), text(expected), seen];
        assert_eq!(puts(RSVP, &record), [Put { table: 2, row }]);
    }
}

#[test]
fn other_subjects_are_passed_over_and_bad_ones_rejected() {
    let other = json!({"subject": {"uri": "at://did:plc:a/app.bsky.feed.post/3k"}, "status": "x"});
    assert_eq!(testing::index::<Plugin>(RSVP, &other), Outcome::Skip);
    for (collection, record, part) in [
        (
            RSVP,
            json!({"subject": {"uri": "at://alice.test/x.y.z/3k"}, "status": "x"}),
            "subject.uri",
        ),
        (
            RSVP,
            json!({"subject": {"uri": A}}),
            "missing field `status`",
        ),
        (
            RSVP,
            json!({"subject": {"uri": A}, "status": "x".repeat(513)}),
            "got 513",
        ),
        (EVENT, json!({"createdAt": ""}), "missing field `name`"),
        (EVENT, json!({"name": "n"}), "missing field `createdAt`"),
        (
            EVENT,
            json!({"name": "n", "createdAt": "", "uris": {}}),
            "invalid type: map",
        ),
    ] {
        let Outcome::Reject(reason) = testing::index::<Plugin>(collection, &record) else {
            panic!("accepted {record}");
        };
        assert!(reason.contains(part), "{reason}");
    }
}

fn event_row(uri: &str, start_us: i64) -> Vec<Value> {
    let mut row = vec![
        text(uri),
        text("bafyc"),
        text("did:plc:a"),
        text("n"),
        Value::Null,
    ];
    row.extend([
        Value::TimeUs(start_us),
        Value::Null,
        text("inperson"),
        text("scheduled"),
    ]);
    row.extend([
        Value::Null,
        Value::Null,
        Value::TimeUs(0),
        Value::TimeUs(1_000_000),
    ]);
    row
}

fn answer(method: &str, params: &Json) -> Json {
    let response = testing::call::<Plugin>(method, params).unwrap();
    serde_json::from_str(response.as_json().unwrap()).unwrap()
}

fn error(method: &str, params: &Json) -> (u16, String) {
    let e = testing::call::<Plugin>(method, params).err().unwrap();
    (e.status(), e.error().to_owned())
}

const GET_EVENTS: &str = "community.aviary.calendar.getEvents";
const GET_EVENT: &str = "community.aviary.calendar.getEvent";

/// From two hours after 1970 on: one event goes on then, one begins later.
fn reads(name: &str, params: &[Param]) -> Vec<Vec<Value>> {
    let time = |at: usize| match &params[at] {
        Param::One(Value::TimeUs(us)) => *us,
        other => panic!("{name}: {other:?}"),
    };
    match name {
        "going_on" => {
            let Param::One(Value::Integer(span)) = params[0] else {
                panic!("{name}: {params:?}");
            };
            assert_eq!(time(2), 2 * HOUR_US);
            assert_eq!(time(1), time(3).max(2 * HOUR_US - span));
            let before = (span == HOUR_US && HOUR_US > time(3))
                .then(|| vec![text(A), Value::TimeUs(HOUR_US)]);
            before.into_iter().collect()
        }
        "beginning" => {
            assert_eq!((time(0), time(1)), (2 * HOUR_US, 9 * HOUR_US));
            let is_new = time(2) < 3 * HOUR_US;
            let row = is_new.then(|| vec![text(B), Value::TimeUs(3 * HOUR_US)]);
            row.into_iter().collect()
        }
        // In another order than asked for.
        "events_of" => vec![event_row(B, 3 * HOUR_US), event_row(A, HOUR_US)],
        "counts_of" => vec![
            vec![text(A), text("going"), Value::Integer(2)],
            vec![text(A), text("perhaps"), Value::Integer(5)],
            vec![text(A), text("notgoing"), Value::Integer(1)],
        ],
        other => panic!("read {other}"),
    }
}

#[test]
fn both_parts_of_a_range_make_one_list() {
    testing::set_reads(|name, params| Ok(reads(name, params)));
    let (from, to) = ("1970-01-01T02:00:00Z", "1970-01-01T09:00:00Z");
    let params = json!({"from": from, "to": to, "limit": 5});
    let page = answer(GET_EVENTS, &params);
    let uris: Vec<&Json> = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["uri"])
        .collect();
    assert_eq!(uris, [A, B]);
    assert_eq!(
        page["events"][0]["rsvpCounts"],
        json!({"going": 2, "interested": 0, "notgoing": 1})
    );
    assert_eq!(
        page["events"][1]["rsvpCounts"],
        json!({"going": 0, "interested": 0, "notgoing": 0})
    );
    assert_eq!(page["events"][0]["startsAt"], "1970-01-01T01:00:00.000Z");
    assert_eq!(
        (page["events"][0].get("endsAt"), page.get("cursor")),
        (None, None)
    );

    // A full first part asks nothing of the second; its cursor goes on there.
    let one = answer(GET_EVENTS, &json!({"from": from, "to": to, "limit": 1}));
    assert_eq!(one["events"][0]["uri"], A);
    let two = answer(
        GET_EVENTS,
        &json!({"from": from, "to": to, "limit": 1, "cursor": one["cursor"]}),
    );
    assert_eq!(two["events"][0]["uri"], B);
}

#[test]
fn one_event_comes_with_its_answers() {
    testing::set_reads(|name, params| {
        if name != "rsvps_of" {
            let mut rows = reads(name, params);
            rows.retain(|row| row[0] == text(A));
            return Ok(rows);
        }
        assert_eq!(params[0], Param::One(text(A)));
        let mut row = vec![
            text(&A.replace("event", "rsvp")),
            text("bafyc"),
            text("did:plc:c"),
        ];
        row.extend([text("going"), Value::TimeUs(0), Value::TimeUs(0)]);
        Ok(vec![row])
    });
    let page = answer(GET_EVENT, &json!({"uri": A, "limit": 2}));
    assert_eq!(page["event"]["rsvpCounts"]["going"], 2);
    assert_eq!(page["rsvps"][0]["did"], "did:plc:c");
    testing::set_reads(|_, _| Ok(Vec::new()));
    let missing = error(GET_EVENT, &json!({"uri": A, "limit": 2}));
    assert_eq!(missing, (400, "EventNotFound".into()));
}

#[test]
fn what_cannot_be_asked_is_the_caller_s_error() {
    let range = |from: &str, to: &str| json!({"from": from, "to": to, "limit": 1});
    let (one, two) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    let mut cursor = range(one, two);
    cursor["cursor"] = "!".into();
    for params in [range(two, one), range("today", two), cursor] {
        assert_eq!(
            error(GET_EVENTS, &params),
            (400, "InvalidRequest".into()),
            "{params}"
        );
    }
    let handle = json!({"uri": "at://alice.test/x.y.z/3k", "limit": 1});
    assert_eq!(error(GET_EVENT, &handle), (400, "InvalidRequest".into()));
    assert_eq!(error(GET_EVENTS, &range(one, two)).0, 503);
}
