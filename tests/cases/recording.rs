//! Aviary against software that we did not write: a recording of a real PDS, and the final state that it reported.

use std::collections::BTreeSet;

use aviary_tests::recording::{Recording, Truth};
use aviary_tests::{HostProcess, dump, host, http, place};

/// Commits among frames: nearly every header of one is these bytes, and a recording has no other form.
fn commits(frames: &[u8]) -> usize {
    const HEADER: &[u8] = b"\xa2\x61t\x67#commit\x62op\x01";
    let mut rest = frames;
    let mut count = 0;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (frame, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        count += usize::from(frame.starts_with(HEADER));
        rest = after;
    }
    count
}

/// Replays with every collection archived and every commit proven, and answers from the store alone.
async fn replayed(recording: &Recording, dir: &std::path::Path) -> HostProcess {
    let frames = recording.frames_file(dir);
    let plugins = place::plugins_dir(&["statusphere", "posts", "likes"]);
    let plugins_dir = plugins.path().to_str().expect("utf-8");
    let store = "sqlite://store.db";
    let frames = frames.to_str().expect("utf-8");
    let identities = dir.join("plc.json");
    let plc = serde_json::to_vec(&recording.plc()).expect("JSON");
    std::fs::write(&identities, plc).expect("a file");
    let args = [
        "replay",
        frames,
        "--identities",
        identities.to_str().expect("utf-8"),
        "--store",
        store,
        "--archive",
        "all",
        "--plugins",
        plugins_dir,
        "--json",
    ];
    let out = host::command(&args, dir)
        .output()
        .await
        .expect("aviary replay");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).expect("a JSON summary");
    eprintln!("replay: {summary}");
    assert_eq!(
        summary["rejected"],
        serde_json::json!({}),
        "a real network's frames were refused"
    );
    assert_eq!(summary["verified"], commits(&recording.frames()));
    assert_eq!(summary["desynchronized"], 0);
    HostProcess::serve(
        &["--no-ingest", "--store", store, "--plugins", plugins_dir],
        dir,
    )
    .await
}

async fn agrees(host: &HostProcess, truth: &Truth) -> usize {
    let collections: BTreeSet<&str> = truth
        .values()
        .flat_map(|a| a.collections.keys().map(String::as_str))
        .collect();
    let mut compared = 0;
    for (did, account) in truth {
        for collection in &collections {
            let listed = http::list_records(&host.url, did, collection).await;
            if account.status != "active" {
                assert!(
                    listed.is_err(),
                    "{did} is {} and shows {collection}",
                    account.status
                );
                continue;
            }
            let expected = account.collections.get(*collection);
            let listed = listed.unwrap_or_default();
            let mut rkeys: Vec<&String> = expected.map(|e| e.keys().collect()).unwrap_or_default();
            rkeys.sort_by(|a, b| b.as_bytes().cmp(a.as_bytes()));
            assert_eq!(
                listed.iter().map(|r| &r.0).collect::<Vec<_>>(),
                rkeys,
                "{did} {collection}"
            );
            for (rkey, cid, value) in &listed {
                let expected = &expected.expect("records")[rkey];
                assert_eq!(
                    (cid, value),
                    (&expected.cid, &expected.value),
                    "{did} {collection} {rkey}"
                );
                compared += 1;
            }
        }
    }
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_the_small_recording_is_what_the_pds_says() {
    let recording = Recording::small();
    let truth = recording.truth();
    let dir = tempfile::tempdir().expect("a folder");
    let host = replayed(&recording, dir.path()).await;
    let compared = agrees(&host, &truth).await;
    let expected: usize = truth
        .values()
        .flat_map(|a| a.collections.values())
        .map(|c| c.len())
        .sum();
    assert_eq!(compared, expected);
    assert!(
        compared > 300,
        "only {compared} records: not the recording we know"
    );
    assert_eq!(host.stop().await, Some(0));

    // Nothing but the truth: what is left beside it belongs to accounts that are hidden.
    let dump = dump::of(&dir.path().join("store.db")).await;
    let hidden: Vec<&String> = dump["hidden"].iter().collect();
    let visible = dump["record"]
        .iter()
        .filter(|line| !hidden.iter().any(|did| line.contains(&format!("//{did}/"))))
        .count();
    assert_eq!(visible, expected);
}

/// The larger recording, where the shared data is there.
#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_the_medium_recording_is_what_the_pds_says() {
    let Some(recording) = Recording::shared("medium") else {
        return;
    };
    let truth = recording.truth();
    let dir = tempfile::tempdir().expect("a folder");
    let host = replayed(&recording, dir.path()).await;
    let expected: usize = truth
        .values()
        .flat_map(|a| a.collections.values())
        .map(|c| c.len())
        .sum();
    assert_eq!(agrees(&host, &truth).await, expected);
    assert!(
        expected > 10_000,
        "only {expected} records: not the recording we know"
    );
    assert_eq!(host.stop().await, Some(0));
}

/// The plugins' tables against the same truth, by rules that this test states for itself.
#[tokio::test(flavor = "multi_thread")]
async fn plugin_tables_are_a_function_of_the_true_records() {
    let recording = Recording::small();
    let truth = recording.truth();
    let dir = tempfile::tempdir().expect("a folder");
    let host = replayed(&recording, dir.path()).await;
    assert_eq!(host.stop().await, Some(0));
    let dump = dump::of(&dir.path().join("store.db")).await;

    let statuses: BTreeSet<String> = truth
        .iter()
        .flat_map(|(did, account)| {
            let records = account
                .collections
                .get("xyz.statusphere.status")
                .into_iter()
                .flatten();
            records.map(move |(rkey, _)| format!("at://{did}/xyz.statusphere.status/{rkey}"))
        })
        .collect();
    let indexed: BTreeSet<String> = dump["statusphere.statuses"]
        .iter()
        .filter_map(|line| line.split(" | ").next().map(str::to_owned))
        .collect();
    let dead = |plugin: &str| -> BTreeSet<String> {
        let letters = dump["dead_letter"].iter().filter(|l| l.starts_with(plugin));
        letters
            .filter_map(|l| l.split(" | ").nth(1).map(str::to_owned))
            .collect()
    };
    let lost: Vec<_> = statuses
        .difference(&indexed)
        .filter(|u| !dead("statusphere").contains(*u))
        .collect();
    assert!(
        lost.is_empty(),
        "neither indexed nor a dead letter: {} of {}, such as {:?}; indexed {:?}",
        lost.len(),
        statuses.len(),
        lost.first(),
        indexed.first()
    );
    assert!(indexed.is_subset(&statuses), "rows without a record");
    assert!(!indexed.is_empty());
}
