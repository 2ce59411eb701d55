//! A9, C13, H10, H11: connections that flap, one account that is hot, a log that tells nothing, many deletions at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aviary_simnet::{Fault, Status};
use aviary_tests::recording::Recording;
use aviary_tests::stage::{calm, until};
use aviary_tests::{Stage, host, http, truth};

/// Longer than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(100);
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

/// A9: connections end again and again, without a word, while events come.
#[tokio::test(flavor = "multi_thread")]
async fn a9_connections_that_flap_lose_nothing() {
    const DROPS: u64 = 15;
    let (stage, host) = Stage::following(calm(191, 30)).await;
    let dropped = || stage.network.faults().fired(Fault::Drop);
    let begun = Instant::now();
    while dropped() < DROPS {
        assert!(begun.elapsed() < PATIENCE, "{} connections", dropped());
        // However late the host comes back on a busy machine: what is dropped was open.
        if stage.network.connections() > 0 {
            stage.network.emit(30).await.unwrap();
            stage.network.drop_connections();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until("it reconnects", PATIENCE, async || {
        host.counter("reconnects").await >= DROPS / 2
    })
    .await;
    stage.ends_equal(host).await;
}

/// C13: one account writes without a pause; the others are indexed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn c13_a_hot_account_keeps_nobody_waiting() {
    const HOT_COMMITS: usize = 1_500;
    let (stage, host) = Stage::following(calm(192, 30)).await;
    let dids = stage.dids();
    let (hot, calm) = (dids[0].clone(), dids[1].clone());
    let writing = async {
        for _ in 0..HOT_COMMITS {
            stage.posts(&hot, 1).await;
        }
    };
    let reading = async {
        for _ in 0..5 {
            stage.posts(&calm, 1).await;
            let written = status_count(&stage, &calm);
            until("the calm account's status", PATIENCE, async || {
                let listed = http::list_records(&host.url, &calm, truth::STATUS).await;
                listed.is_ok_and(|records| records.len() == written)
            })
            .await;
        }
    };
    tokio::join!(writing, reading);
    assert!(status_count(&stage, &hot) >= HOT_COMMITS);
    stage.ends_equal(host).await;
}

fn status_count(stage: &Stage, did: &str) -> usize {
    let truth = stage.network.truth().expect("a truth");
    let collections = &truth.accounts[did].collections;
    collections
        .get(truth::STATUS)
        .map_or(0, |records| records.len())
}

/// H10: what people wrote is not in the log, however much it is told to say.
#[tokio::test(flavor = "multi_thread")]
async fn h10_the_log_tells_nothing_of_what_people_wrote() {
    let recording = Recording::small();
    let dir = tempfile::tempdir().unwrap();
    let frames = recording.frames_file(dir.path());
    let identities = dir.path().join("plc.json");
    std::fs::write(&identities, serde_json::to_vec(&recording.plc()).unwrap()).unwrap();
    let plugins = aviary_tests::place::plugins_dir(&["statusphere", "posts", "likes"]);
    let args = [
        "replay",
        frames.to_str().unwrap(),
        "--identities",
        identities.to_str().unwrap(),
        "--archive",
        "all",
        "--store",
        "sqlite://store.db",
        "--plugins",
        plugins.path().to_str().unwrap(),
    ];
    let mut command = host::command(&args, dir.path());
    let ran = command.env("AVIARY_LOG_LEVEL", "aviary=trace").output();
    let ran = ran.await.unwrap();
    assert!(ran.status.success());
    let log = String::from_utf8_lossy(&ran.stderr);
    assert!(
        log.contains("TRACE") || log.contains("DEBUG") || log.contains("INFO"),
        "{log}"
    );

    let mut texts = BTreeSet::new();
    for account in recording.truth().values() {
        for record in account.collections.values().flat_map(|c| c.values()) {
            for field in ["text", "displayName", "description", "name"] {
                texts.extend(record.value[field].as_str().map(str::to_owned));
            }
        }
    }
    // Shorter ones are words that a log may have of its own.
    texts.retain(|text| text.len() >= 12);
    assert!(texts.len() > 50, "only {} texts to look for", texts.len());
    let told: Vec<_> = texts
        .iter()
        .filter(|text| log.contains(text.as_str()))
        .collect();
    assert!(told.is_empty(), "in the log: {told:?}");
}

/// H11: many accounts are deleted at once; reads are answered meanwhile, and all of them go.
#[tokio::test(flavor = "multi_thread")]
async fn h11_many_deletions_at_once_leave_reads_up() {
    const DELETED: usize = 150;
    let (stage, host) = Stage::following(calm(193, DELETED + 20)).await;
    let dids = stage.dids();
    for did in dids.iter().take(DELETED) {
        let did = did.clone();
        stage
            .tell(move |world| world.set_status(&did, Status::Deleted))
            .await;
    }
    let query = format!("{}/xrpc/xyz.statusphere.getStatuses?limit=50", host.url);
    let store = stage.path().join("store.db");
    until(
        "every account erased",
        Duration::from_secs(100),
        async || {
            assert_eq!(http::get(&query).await.0, 200);
            erased(&store).await == DELETED
        },
    )
    .await;
    stage.ends_equal(host).await;
}

/// Accounts whose erasure is done.
async fn erased(store: &std::path::Path) -> usize {
    let options = SqliteConnectOptions::new().filename(store).read_only(true);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    let done: i64 = sqlx::query_scalar("select count(*) from erased where done = 1")
        .fetch_one(&mut db)
        .await
        .unwrap();
    usize::try_from(done).unwrap()
}
