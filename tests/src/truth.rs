//! A host's tables and answers against the simulated network's world.
//!
//! Guarantees: what is expected comes from the world alone; a comparison of nothing with nothing fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aviary_simnet::{AccountTruth, RecordTruth, Truth};
use shrike::cbor::Cid;

use crate::HostProcess;
use crate::dump::{self, Dump};
use crate::http;

/// The collection of statuses.
pub const STATUS: &str = "xyz.statusphere.status";
/// The collection of likes.
pub const LIKE: &str = "app.bsky.feed.like";

/// The plugins' tables that have one row for each record of a collection.
const TABLES: [(&str, &str); 3] = [
    ("statusphere.statuses", STATUS),
    ("posts.posts", "app.bsky.feed.post"),
    ("likes.likes", LIKE),
];

/// The URIs of all visible records of a collection.
#[must_use]
pub fn visible(truth: &Truth, collection: &str) -> BTreeSet<String> {
    records(truth, collection).map(|(uri, _)| uri).collect()
}

/// Every visible record of a collection.
fn records<'a>(
    truth: &'a Truth,
    collection: &'a str,
) -> impl Iterator<Item = (String, &'a RecordTruth)> {
    let of_account = move |(did, account): (&'a String, &'a AccountTruth)| {
        let of_collection = account.visible().filter(move |(c, ..)| *c == collection);
        of_collection.map(move |(c, rkey, record)| (format!("at://{did}/{c}/{rkey}"), record))
    };
    truth.accounts.iter().flat_map(of_account)
}

/// Asserts that two sets are equal, showing some of what is missing and of what is too much.
///
/// # Panics
/// When they are not.
pub fn same(found: &BTreeSet<String>, expected: &BTreeSet<String>, what: &str) {
    let missing: Vec<_> = expected.difference(found).take(5).collect();
    let invented: Vec<_> = found.difference(expected).take(5).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "{what}: missing {missing:?}, invented {invented:?}"
    );
}

/// Rows, counts and records of a stopped host are the world's, and nothing was given up.
///
/// # Panics
/// When they are not, or the world has nothing to compare with.
pub async fn rows_are_the_truth(dir: &Path, truth: &Truth) {
    clean_dump_is_the_truth(&dump::of(&dir.join("store.db")).await, truth);
}

/// [`dump_is_the_truth`], and there are no dead letters but the hostile guest's.
///
/// # Panics
/// See [`rows_are_the_truth`].
pub fn clean_dump_is_the_truth(dump: &Dump, truth: &Truth) {
    let dead = dump["dead_letter"]
        .iter()
        .filter(|l| !l.starts_with("hostile"));
    assert_eq!(
        dead.collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "dead letters"
    );
    dump_is_the_truth(dump, truth);
}

/// Rows, counts and records are the world's; dead letters are another question.
///
/// # Panics
/// See [`rows_are_the_truth`].
pub fn dump_is_the_truth(dump: &Dump, truth: &Truth) {
    for (table, collection) in TABLES {
        // What is no status, post or like by its lexicon has no row.
        let usable = |record: &RecordTruth| record.value["$type"] == collection;
        let of_collection = records(truth, collection).filter(|(_, r)| usable(r));
        let expected: BTreeSet<String> = of_collection.map(|(uri, _)| uri).collect();
        assert!(
            !expected.is_empty(),
            "no {collection} in this world: nothing was compared"
        );
        same(&first_cells(&dump[table]), &expected, table);
        archive_is_the_truth(dump, truth, collection);
    }
    let likes = likes_by_subject(truth);
    assert_eq!(dump["likes.by_subject"], likes, "likes.by_subject");
}

fn first_cells(lines: &[String]) -> BTreeSet<String> {
    let cells = lines.iter().filter_map(|l| l.split(" | ").next());
    cells.map(str::to_owned).collect()
}

/// The archive's visible records of a collection with their CIDs; revs are those of snapshots where one brought them.
fn archive_is_the_truth(dump: &Dump, truth: &Truth, collection: &str) {
    let hidden: BTreeSet<&str> = dump["hidden"].iter().map(String::as_str).collect();
    let mut found = BTreeSet::new();
    for line in &dump["record"] {
        let cells: Vec<&str> = line.split(" | ").collect();
        let mut path = cells[0].trim_start_matches("at://").split('/');
        let (did, of) = (path.next(), path.next());
        if of == Some(collection) && !did.is_some_and(|did| hidden.contains(did)) {
            found.insert(format!("{} {}", cells[0], cells[2]));
        }
    }
    let expected = records(truth, collection).map(|(uri, record)| {
        let cid: Cid = record.cid.parse().expect("a CID of the world");
        let bytes = cid.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("{uri} {hex}")
    });
    same(&found, &expected.collect(), "record");
}

/// Two likes of one subject by one account are one like.
fn likes_by_subject(truth: &Truth) -> Vec<String> {
    let mut likes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (uri, record) in records(truth, LIKE) {
        let subject = record.value["subject"]["uri"].as_str().expect("a subject");
        let did = uri.trim_start_matches("at://").split('/').next();
        let by_subject = likes.entry(subject.to_owned()).or_default();
        by_subject.insert(did.unwrap_or_default().to_owned());
    }
    let lines = likes
        .iter()
        .map(|(s, dids)| format!("{s} | {}", dids.len()));
    lines.collect()
}

/// What a running host counts by status is what the world counts.
///
/// # Panics
/// When it is not.
pub async fn counts_are_the_truth(host: &HostProcess, truth: &Truth) {
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    for (_, record) in records(truth, STATUS) {
        let status = record.value["status"].as_str().expect("a status");
        *by_status.entry(status.to_owned()).or_default() += 1;
    }
    let (_, counts) = http::get(&format!(
        "{}/xrpc/xyz.statusphere.getStatusCounts?limit=100",
        host.url
    ))
    .await;
    let counted: BTreeMap<String, u64> = counts["counts"]
        .as_array()
        .expect("counts")
        .iter()
        .map(|c| {
            (
                c["status"].as_str().expect("a status").to_owned(),
                c["count"].as_u64().expect("a count"),
            )
        })
        .collect();
    assert_eq!(counted, by_status);
}

/// What a running host lists of a collection is what the world has of it, account by account.
///
/// # Panics
/// When it is not.
pub async fn lists_are_the_truth(host: &HostProcess, truth: &Truth, collection: &str) {
    for (did, account) in &truth.accounts {
        let Some(records) = account
            .collections
            .get(collection)
            .filter(|_| account.is_active())
        else {
            continue;
        };
        let listed = http::list_records(&host.url, did, collection).await;
        let listed = listed.unwrap_or_else(|error| panic!("{did}: {error}"));
        let listed: BTreeMap<_, _> = listed
            .into_iter()
            .map(|(rkey, cid, value)| (rkey, (cid, value)))
            .collect();
        let expected = records
            .iter()
            .map(|(rkey, r)| (rkey.clone(), (r.cid.clone(), r.value.clone())))
            .collect();
        assert_eq!(listed, expected, "{did}");
    }
}
