//! A host with its queue on a Redis that is killed and emptied under load: at the end every table is the world.

use std::time::Duration;

use aviary_tests::host::network_environment;
use aviary_tests::services::PrivateRedis;
use aviary_tests::stage::{calm, until};
use aviary_tests::{HostProcess, Stage};

const DEADLINE: Duration = Duration::from_secs(120);
const ROUNDS: u64 = 4;
const EVENTS: u64 = 300;

/// A host of four partitions on this stage.
async fn host(stage: &Stage, redis: &PrivateRedis) -> HostProcess {
    let mut environment = network_environment(stage.network.urls());
    environment.push(("AVIARY_QUEUE", format!("{}?prefix=stage", redis.url())));
    environment.push(("AVIARY_PARTITIONS", "4".to_owned()));
    HostProcess::with(&stage.args(), &environment, stage.path()).await
}

/// Every account was heard of, and is followed.
async fn following(seed: u64, redis: &PrivateRedis) -> (Stage, HostProcess) {
    let stage = Stage::new(calm(seed, 40)).await;
    let host = host(&stage, redis).await;
    stage.all_post().await;
    stage.settled(&host).await;
    (stage, host)
}

/// Holes in some accounts' streams, so that repositories are being fetched when the blow falls.
fn withhold(stage: &Stage, round: u64) {
    let dids = stage.dids();
    for at in 0..3 {
        let did = &dids[(usize::try_from(round).unwrap() * 3 + at) % dids.len()];
        stage.network.faults().withhold_commits(did, 1);
    }
}

async fn lost(host: &HostProcess, times: u64) {
    until("the loss", DEADLINE, || async {
        host.counter("queue_lost").await >= times
    })
    .await;
}

/// All that was withheld shows by what comes after it; then everything is as it should be.
async fn ends_equal(stage: &Stage, host: HostProcess) {
    for did in stage.dids() {
        stage.network.faults().withhold_commits(&did, 0);
    }
    stage.all_post().await;
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_under_load_nothing_is_lost() {
    let redis = PrivateRedis::start(&[]).await;
    let (stage, mut host_now) = following(21, &redis).await;
    let mut times = 0;
    for round in 0..ROUNDS {
        withhold(&stage, round);
        let flushing = async {
            // Somewhere within the load.
            tokio::time::sleep(Duration::from_millis(30 * round)).await;
            let mut connection = redis.connect().await;
            let flush = redis::cmd("FLUSHALL");
            let () = flush.query_async(&mut connection).await.unwrap();
        };
        let (emitted, ()) = tokio::join!(stage.network.emit(EVENTS), flushing);
        emitted.unwrap();
        times += 1;
        lost(&host_now, times).await;
        if round == 1 {
            // The host itself in between, with whatever is in Redis.
            stage.network.emit(EVENTS).await.unwrap();
            host_now.kill().await;
            host_now = host(&stage, &redis).await;
            times = 0;
        }
    }
    assert_eq!(host_now.counter("queue_lost").await, ROUNDS - 2);
    ends_equal(&stage, host_now).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_nothing_is_lost_with_a_log_or_without() {
    for log in [true, false] {
        // Without `always` what was answered may be written a second or two later, and a kill takes it.
        let written = ["--appendonly", "yes", "--appendfsync", "always"];
        let args: &[&str] = if log { &written } else { &[] };
        let mut redis = PrivateRedis::start(args).await;
        let (stage, host) = following(22, &redis).await;
        for round in 0..ROUNDS {
            withhold(&stage, round);
            let network = stage.network.emit(EVENTS);
            let killing = async {
                tokio::time::sleep(Duration::from_millis(30 * round)).await;
                redis.kill().await;
            };
            let (emitted, ()) = tokio::join!(network, killing);
            emitted.unwrap();
            until("trouble", DEADLINE, || async {
                host.counter("queue_trouble").await > 0
            })
            .await;
            redis.restart().await;
            until("no trouble", DEADLINE, || async {
                host.counter("queue_trouble").await == 0
            })
            .await;
            if !log {
                lost(&host, round + 1).await;
            }
        }
        let lost = host.counter("queue_lost").await;
        assert_eq!(lost, if log { 0 } else { ROUNDS });
        ends_equal(&stage, host).await;
    }
}
