//! D1: a host dies at each place that is named for it, several times; the end equals the world.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use aviary::fault::crash;
use aviary_simnet::Fault;
use aviary_tests::host::command;
use aviary_tests::stage::calm;
use aviary_tests::{Backend, Stage, on_both};

/// The first passing, and later ones, when there is something to lose.
const PASSINGS: [u32; 3] = [1, 2, 5];
/// SIGABRT, as the place raises it; nothing else of a host does.
const ABORTED: i32 = 6;

on_both!(dying_at_any_named_place_loses_nothing);

/// On SQLite with the queue in memory, on Postgres with the queue on Redis.
async fn dying_at_any_named_place_loses_nothing(backend: Backend) {
    let stage = match backend {
        Backend::Sqlite => Stage::new(calm(301, 20)).await,
        Backend::Postgres => Stage::on_redis(backend, calm(301, 20)).await,
    };
    let mut died = 0;
    for place in crash::PLACES {
        for passing in PASSINGS {
            die(&stage, &format!("{place}:{passing}")).await;
            died += 1;
        }
    }
    assert_eq!(died, crash::PLACES.len() * PASSINGS.len());
    assert!(stage.network.faults().fired(Fault::Lost) >= 6);
    let host = stage.host().await;
    stage.all_post().await;
    stage.ends_equal(host).await;
}

/// A host that follows until it has died there.
async fn die(stage: &Stage, place: &str) {
    let mut args = vec!["serve", "--listen", "127.0.0.1:0"];
    args.extend(stage.args());
    let mut child = command(&args, stage.path())
        .envs(stage.environment())
        .env("CRASH_AT", place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let writing = async {
        loop {
            stage.network.emit(20).await.unwrap();
            if place.starts_with("snapshot") {
                break_some(stage).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let status = tokio::select! {
        ended = tokio::time::timeout(Duration::from_secs(90), child.wait()) => ended,
        () = writing => unreachable!("it never ends"),
    };
    let status = status.unwrap_or_else(|_| panic!("{place} was never passed"));
    assert_eq!(status.unwrap().signal(), Some(ABORTED), "{place}");
}

/// Repositories with a hole each: they are fetched.
async fn break_some(stage: &Stage) {
    for did in stage.dids().into_iter().take(4) {
        stage.network.faults().withhold_commits(&did, 1);
        stage.posts(&did, 1).await;
        stage.posts(&did, 1).await;
    }
}
