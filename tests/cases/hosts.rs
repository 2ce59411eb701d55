//! Several hosts on one Postgres: one writes, others stand by and take over or only serve; one that was away cannot
//! commit.

use std::time::{Duration, Instant};

use aviary_tests::host::command;
use aviary_tests::stage::calm;
use aviary_tests::{Backend, HostProcess, Stage, http, truth};
use serde_json::Value;
use tokio::task::JoinHandle;

/// A second host of a stage: it listens when it has taken over.
fn standby(stage: &Stage) -> JoinHandle<HostProcess> {
    let urls = stage.network.urls().clone();
    let args: Vec<String> = stage.args().into_iter().map(str::to_owned).collect();
    let dir = stage.path().to_owned();
    tokio::spawn(async move {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        HostProcess::follow(&urls, &args, &dir).await
    })
}

/// What `aviary status` says.
async fn status(stage: &Stage) -> Value {
    let mut args = vec!["status", "--json"];
    args.extend(stage.args());
    let said = command(&args, stage.path()).output().await.unwrap();
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap()
}

/// Who looks on from outside sees where everything stands, on both backends, while a host runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_what_the_host_says_of_itself() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let (stage, host) = Stage::following_on(backend, calm(315, 20)).await;
        let status = status(&stage).await;
        let health = host.health().await;
        assert_eq!(status["cursors"][0]["seq"], health["cursor"], "{status}");
        let plugins = status["plugins"].as_array().unwrap();
        assert_eq!(plugins.len(), 3, "{status}");
        assert!(plugins.iter().all(|p| p["lag"] == 0), "{status}");
        let pos = "select pos from partition where part = 0";
        let pos = stage.place.number(pos).await;
        assert_eq!(status["partitions"][0]["pos"], pos);
        assert!(pos > 20);
        assert_eq!(host.stop().await, Some(0));
    }
}

async fn leader_epoch(stage: &Stage) -> i64 {
    stage.place.number("select max(epoch) from lease").await
}

/// The one that is killed is followed by the next, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_host_takes_over_from_one_that_is_killed() {
    const KILLS: i64 = 4;
    let (stage, mut host) = Stage::following_on(Backend::Postgres, calm(311, 20)).await;
    let first = leader_epoch(&stage).await;
    for _ in 0..KILLS {
        let mut next = standby(&stage);
        stage.network.emit(60).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(3), &mut next).await;
        assert!(waited.is_err(), "two hosts write at once");
        let killed = Instant::now();
        host.kill().await;
        stage.network.emit(60).await.unwrap();
        host = tokio::time::timeout(Duration::from_secs(60), next)
            .await
            .expect("a takeover")
            .unwrap();
        println!("taken over after {:?}", killed.elapsed());
    }
    assert_eq!(leader_epoch(&stage).await, first + KILLS);
    stage.ends_equal(host).await;
}

/// D9: a host that was stopped past its lease goes on and believes that it still owns the store.
#[tokio::test(flavor = "multi_thread")]
async fn d9_a_host_that_was_paused_past_its_lease_cannot_commit() {
    let (stage, paused) = Stage::following_on(Backend::Postgres, calm(312, 20)).await;
    let next = standby(&stage);
    stage.network.emit(60).await.unwrap();
    paused.pause();
    let next = tokio::time::timeout(Duration::from_secs(60), next)
        .await
        .expect("a takeover")
        .unwrap();
    stage.network.emit(60).await.unwrap();
    paused.resume();
    // It finds out at its next transaction, and ends with an error instead of a commit.
    stage.network.emit(60).await.unwrap();
    assert_eq!(paused.ended().await, Some(1));
    stage.network.emit(60).await.unwrap();
    stage.ends_equal(next).await;
}

/// One that stops gives the store to the next at once, without waiting for its lease to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_hands_over() {
    let (stage, host) = Stage::following_on(Backend::Postgres, calm(313, 20)).await;
    let next = standby(&stage);
    stage.network.emit(60).await.unwrap();
    assert_eq!(host.stop().await, Some(0));
    let held = "select count(*) from lease where until > clock_timestamp()";
    let next = tokio::time::timeout(Duration::from_secs(60), next)
        .await
        .expect("a takeover")
        .unwrap();
    assert!(stage.place.number(held).await > 0);
    stage.network.emit(60).await.unwrap();
    stage.ends_equal(next).await;
}

/// Any number of hosts answer what one writes, also while nobody writes.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_only_serve_answer_what_another_one_writes() {
    let (stage, writer) = Stage::following_on(Backend::Postgres, calm(314, 20)).await;
    let mut args = stage.args();
    args.extend(["--roles", "serve"]);
    let one = HostProcess::serve(&args, stage.path()).await;
    let two = HostProcess::serve(&args, stage.path()).await;
    stage.network.emit(60).await.unwrap();
    stage.settled(&writer).await;
    let truth = stage.network.truth().unwrap();
    for host in [&one, &two] {
        truth::counts_are_the_truth(host, &truth).await;
        truth::lists_are_the_truth(host, &truth, truth::STATUS).await;
    }
    writer.kill().await;
    truth::lists_are_the_truth(&one, &truth, truth::STATUS).await;

    // One that writes and does not serve takes over; the two see what it writes.
    let mut args = stage.args();
    args.extend(["--roles", "ingest,index"]);
    let writer = HostProcess::follow(stage.network.urls(), &args, stage.path()).await;
    let query = "/xrpc/xyz.statusphere.getStatuses";
    assert_eq!(http::get(&format!("{}{query}", writer.url)).await.0, 404);
    stage.all_post().await;
    stage.settled(&writer).await;
    let truth = stage.network.truth().unwrap();
    truth::counts_are_the_truth(&two, &truth).await;
    truth::lists_are_the_truth(&two, &truth, truth::STATUS).await;
    let status = status(&stage).await;
    let hosts = status["hosts"].as_array().unwrap();
    let roles = |role: &str| hosts.iter().filter(|h| h["roles"] == role).count();
    assert_eq!((roles("serve"), roles("ingest,index")), (2, 1), "{status}");
    let writes: Vec<_> = hosts.iter().filter(|h| h["writes"] == true).collect();
    assert_eq!(writes.len(), 1, "{status}");
    assert_eq!(writes[0]["roles"], "ingest,index");
    for host in [one, two, writer] {
        assert_eq!(host.stop().await, Some(0));
    }
    truth::clean_dump_is_the_truth(&stage.dump().await, &truth);
}
