//! What does not come from a relay's stream by itself, and a queue that is emptied meanwhile: a Jetstream, a backfill;
//! and a host that is stopped while its Redis is gone.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aviary_simnet::{Paging, Side};
use aviary_tests::host::network_environment;
use aviary_tests::services::PrivateRedis;
use aviary_tests::stage::{calm, statuses, until};
use aviary_tests::{HostProcess, Stage, dump, truth};

const DEADLINE: Duration = Duration::from_secs(120);

async fn host(stage: &Stage, redis: &PrivateRedis, more: &[(&'static str, &str)]) -> HostProcess {
    let mut environment = network_environment(stage.network.urls());
    environment.push(("AVIARY_QUEUE", redis.url()));
    environment.push(("AVIARY_PARTITIONS", "4".to_owned()));
    environment.extend(more.iter().map(|(name, text)| (*name, (*text).to_owned())));
    HostProcess::with(&stage.args(), &environment, stage.path()).await
}

async fn flush(redis: &PrivateRedis) {
    let mut connection = redis.connect().await;
    let flush = redis::cmd("FLUSHALL");
    let () = flush.query_async(&mut connection).await.unwrap();
}

async fn at_least(host: &HostProcess, counter: &str, n: u64) {
    until(counter, DEADLINE, || async {
        host.counter(counter).await >= n
    })
    .await;
}

fn visible(stage: &Stage) -> BTreeSet<String> {
    let truth = stage.network.truth().unwrap();
    truth::visible(&truth, truth::STATUS)
}

async fn stored(dir: &Path) -> BTreeSet<String> {
    let dump = dump::of(&dir.join("store.db")).await;
    let lines = dump["statusphere.statuses"].iter();
    lines
        .filter_map(|l| l.split(" | ").next().map(str::to_owned))
        .collect()
}

async fn shows_all(stage: &Stage, host: &HostProcess) {
    let expected = visible(stage).len();
    until("every status", DEADLINE, || async {
        statuses(host).await.len() == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_whose_queue_is_emptied_leaves_nothing_out() {
    let redis = PrivateRedis::start(&[]).await;
    let stage = Stage::new(calm(31, 40)).await;
    stage.network.emit(300).await.unwrap();
    stage.all_post().await;
    // Many pages, each with its note behind the repositories of it.
    stage.network.host(Side::Relay).page(Paging::Small(2));
    let more = [
        ("AVIARY_INGEST_START", "now"),
        ("AVIARY_INGEST_BACKFILL", "auto"),
    ];
    let host = host(&stage, &redis, &more).await;
    for times in 1..=3 {
        at_least(&host, "resyncs", times * 5).await;
        flush(&redis).await;
        at_least(&host, "queue_lost", times).await;
    }
    shows_all(&stage, &host).await;
    assert_eq!(host.stop().await, Some(0));
    truth::same(&stored(stage.path()).await, &visible(&stage), "statuses");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jetstream_whose_queue_is_emptied_is_read_again() {
    let redis = PrivateRedis::start(&[]).await;
    let stage = Stage::new(calm(32, 40)).await;
    let host = host(&stage, &redis, &[("AVIARY_INGEST_SOURCE", "jetstream")]).await;
    until("a connection", DEADLINE, || async {
        host.health().await["connected"] == true
    })
    .await;
    for times in 1..=3 {
        let (emitted, ()) = tokio::join!(stage.network.emit(300), flush(&redis));
        emitted.unwrap();
        at_least(&host, "queue_lost", times).await;
        stage.all_post().await;
    }
    shows_all(&stage, &host).await;
    assert_eq!(host.stop().await, Some(0));
    truth::same(&stored(stage.path()).await, &visible(&stage), "statuses");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_while_redis_is_gone_it_ends_in_time_and_loses_nothing() {
    let mut redis = PrivateRedis::start(&[]).await;
    let stage = Stage::new(calm(33, 40)).await;
    let first = host(&stage, &redis, &[("AVIARY_LIMITS_DRAIN_MS", "1000")]).await;
    stage.all_post().await;
    stage.settled(&first).await;
    redis.kill().await;
    stage.network.emit(2_000).await.unwrap();
    at_least(&first, "queue_trouble", 1).await;
    assert_eq!(first.stop().await, Some(1), "it says that it did not drain");
    redis.restart().await;
    let second = host(&stage, &redis, &[]).await;
    stage.ends_equal(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_answers_before_its_redis_is_there() {
    let mut redis = PrivateRedis::start(&[]).await;
    redis.kill().await;
    let stage = Stage::new(calm(34, 40)).await;
    stage.network.emit(300).await.unwrap();
    let host = host(&stage, &redis, &[]).await;
    at_least(&host, "queue_trouble", 1).await;
    assert!(statuses(&host).await.is_empty());
    redis.restart().await;
    stage.ends_equal(host).await;
}
