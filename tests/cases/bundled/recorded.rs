//! Both plugins over what a real PDS emitted, in a host, by HTTP: against the state that the PDS reported at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aviary_tests::recording::{Record, Recording, Truth};
use aviary_tests::{HostProcess, host, http, place};
use serde_json::Value;

use super::bed::us;

const EVENT: &str = "community.lexicon.calendar.event";
const RSVP: &str = "community.lexicon.calendar.rsvp";
const POST: &str = "fyi.unravel.frontpage.post";
const VOTE: &str = "fyi.unravel.frontpage.vote";

/// A host that answers from the replayed recording.
async fn replayed(recording: &Recording, dir: &Path) -> HostProcess {
    let frames = recording.frames_file(dir);
    let plugins = place::plugins_dir(&["calendar", "frontpage"]);
    let common = [
        "--store",
        "sqlite://store.db",
        "--plugins",
        plugins.path().to_str().expect("utf-8"),
    ];
    let mut args = vec!["replay", frames.to_str().expect("utf-8")];
    args.extend(common);
    let replay = host::command(&args, dir).output().await;
    let replay = replay.expect("aviary replay");
    let said = String::from_utf8_lossy(&replay.stderr);
    assert!(replay.status.success(), "{said}");
    let mut args = vec!["--no-ingest"];
    args.extend(common);
    HostProcess::serve(&args, dir).await
}

/// Every item of a list, by its cursor.
async fn listed(host: &HostProcess, method: &str, params: &str, list: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = format!(
            "{}/xrpc/community.aviary.{method}?limit=7{params}{cursor}",
            host.url
        );
        let (status, body) = http::get(&url).await;
        assert_eq!(status, 200, "{url}: {body}");
        items.extend(body[list].as_array().expect(list).iter().cloned());
        match body["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// The visible records of a collection: account, address, record.
fn records<'a>(truth: &'a Truth, collection: &'a str) -> Vec<(&'a str, String, &'a Record)> {
    let active = truth
        .iter()
        .filter(|(_, account)| account.status == "active");
    let all = active.flat_map(|(did, account)| {
        let of = account.collections.get(collection).into_iter().flatten();
        of.map(move |(rkey, r)| (did.as_str(), format!("at://{did}/{collection}/{rkey}"), r))
    });
    all.collect()
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value
        .pointer(at)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{at} of {value}"))
}

/// By subject, each account's last word: record keys are in the order of their making.
fn last_words<'a>(
    truth: &'a Truth,
    collection: &'a str,
) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a Value>> {
    let mut words: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
    for (did, _, record) in records(truth, collection) {
        let of_subject = words
            .entry(text(&record.value, "/subject/uri"))
            .or_default();
        of_subject.insert(did, &record.value);
    }
    words
}

/// Events by start and address: start, address, end.
fn events(truth: &Truth) -> BTreeMap<(i64, String), i64> {
    let all = records(truth, EVENT).into_iter();
    all.map(|(_, uri, record)| {
        let at = |name| us(text(&record.value, name));
        ((at("/startsAt"), uri), at("/endsAt"))
    })
    .collect()
}

async fn calendar_agrees(host: &HostProcess, truth: &Truth) -> usize {
    let (events, answers) = (events(truth), last_words(truth, RSVP));
    let mut counted = 0;
    for (from, to) in [
        ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-08-19T05:00:00Z", "2026-08-19T05:00:00.001Z"),
        ("2026-08-20T00:00:00Z", "2026-08-27T00:00:00Z"),
        ("2026-09-15T03:00:00Z", "2026-09-30T00:00:00Z"),
    ] {
        let on = |start: i64, end: i64| start < us(to) && end > us(from);
        let expected: Vec<&String> = events
            .iter()
            .filter(|((start, _), end)| on(*start, **end))
            .map(|((_, uri), _)| uri)
            .collect();
        let shown = listed(
            host,
            "calendar.getEvents",
            &format!("&from={from}&to={to}"),
            "events",
        )
        .await;
        let uris: Vec<&str> = shown.iter().map(|event| text(event, "/uri")).collect();
        assert_eq!(uris, expected, "{from} to {to}");
        for event in &shown {
            for status in ["going", "interested", "notgoing"] {
                let token = format!("{RSVP}#{status}");
                let words = answers.get(text(event, "/uri")).into_iter().flatten();
                let said = words.filter(|(_, word)| word["status"] == token).count();
                assert_eq!(event["rsvpCounts"][status], said, "{status} {event}");
                counted += said;
            }
        }
    }
    counted
}

async fn frontpage_agrees(host: &HostProcess, truth: &Truth) -> usize {
    let votes = last_words(truth, VOTE);
    let posts = records(truth, POST);
    let shown = listed(host, "frontpage.getNewPosts", "", "posts").await;
    let uris: BTreeSet<&str> = shown.iter().map(|post| text(post, "/uri")).collect();
    let expected: BTreeSet<&str> = posts.iter().map(|(_, uri, _)| uri.as_str()).collect();
    assert_eq!(uris, expected);
    assert_eq!(shown.len(), expected.len(), "a link on two pages");
    let times: Vec<&str> = shown.iter().map(|post| text(post, "/createdAt")).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "not newest first");
    let mut counted = 0;
    for (_, uri, record) in &posts {
        let post = shown
            .iter()
            .find(|post| post["uri"] == **uri)
            .expect("a post");
        assert_eq!(text(post, "/url"), text(&record.value, "/subject/url"));
        let voters = votes.get(uri.as_str()).map_or(0, BTreeMap::len);
        assert_eq!(
            (&post["voteCount"], &post["commentCount"]),
            (&voters.into(), &0.into())
        );
        counted += voters;
    }
    counted
}

async fn agree(recording: &Recording, rsvps: usize, votes: usize) {
    let truth = recording.truth();
    let dir = tempfile::tempdir().expect("a folder");
    let host = replayed(recording, dir.path()).await;
    let counted = calendar_agrees(&host, &truth).await;
    assert!(
        counted >= rsvps,
        "only {counted} answers: not the recording we know"
    );
    let counted = frontpage_agrees(&host, &truth).await;
    assert!(
        counted >= votes,
        "only {counted} votes: not the recording we know"
    );
    assert_eq!(host.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_small_recording_is_what_the_pds_says() {
    agree(&Recording::small(), 3, 9).await;
}

/// The larger one, where the shared data is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_medium_recording_is_what_the_pds_says() {
    let Some(recording) = Recording::shared("medium") else {
        return;
    };
    agree(&recording, 200, 300).await;
}
