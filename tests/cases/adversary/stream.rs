//! A6, A7, A8: cursors that a stream cannot go on from.

use std::time::Duration;

use aviary_simnet::{Config, Fault, Network};
use aviary_tests::stage::{calm, until};
use aviary_tests::{HostProcess, Stage, place};

/// The host is away for longer than the stream is kept; `silent`: and is not told.
async fn away_too_long(seed: u64, silent: bool) {
    let config = Config {
        window_events: 100,
        ..calm(seed, 40)
    };
    let (stage, host) = Stage::following(config).await;
    assert_eq!(host.stop().await, Some(0));
    stage.network.faults().silent_gap(silent);
    // A silent gap is known by the jump of its numbers alone.
    stage.network.emit(1_300).await.unwrap();
    let host = stage.host().await;
    until("the gap is seen", Duration::from_secs(60), async || {
        host.counter("stream_gaps").await > 0
    })
    .await;
    assert_eq!(stage.network.faults().fired(Fault::SilentGap) > 0, silent);
    // The sweep marks what went on without this host.
    until("the sweep repairs", Duration::from_secs(100), async || {
        host.counter("resyncs").await > 20
    })
    .await;
    stage.all_post().await;
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_an_outdated_cursor_is_repaired_by_a_sweep() {
    away_too_long(151, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_a_gap_that_nobody_tells_of_is_repaired_by_a_sweep() {
    away_too_long(152, true).await;
}

/// A relay that has less than this host has seen is not followed on, and nothing is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a6_a_cursor_from_the_future_is_never_reset() {
    let (stage, host) = Stage::following(calm(153, 40)).await;
    let address = stage.network.urls().relay.replace("ws://", "");
    let cursor = host.health().await["cursor"].clone();
    assert_eq!(host.stop().await, Some(0));
    let dir = stage.path().to_owned();
    stage.network.stop().await;
    let config = Config {
        listen: address.parse().unwrap(),
        ..calm(154, 40)
    };
    let young = Network::start(config).await.unwrap();
    young.emit(20).await.unwrap();
    let host = HostProcess::follow(
        young.urls(),
        &[
            "--plugins",
            place::plugins_dir(&["statusphere"])
                .path()
                .to_str()
                .unwrap(),
            "--store",
            "sqlite://store.db",
        ],
        &dir,
    )
    .await;
    until("it tries again", Duration::from_secs(60), async || {
        host.counter("reconnects").await >= 2
    })
    .await;
    assert!(young.accepted() >= 2, "it was not refused");
    let health = host.health().await;
    assert_eq!(health["cursor"], cursor, "{health}");
    assert_eq!(health["records"], 0, "{health}");
    assert_eq!(host.stop().await, Some(0));
}

/// The same accounts by another relay, whose numbers are others: its own cursor, and nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn a8_another_relay_begins_anew_and_repeats_nothing() {
    let (stage, host) = Stage::following(calm(155, 40)).await;
    stage.settled(&host).await;
    assert_eq!(host.stop().await, Some(0));
    // The same network by another name is another relay to a host.
    let mut urls = stage.network.urls().clone();
    urls.relay = urls.relay.replace("127.0.0.1", "localhost");
    let host = HostProcess::follow(&urls, &stage.args(), stage.path()).await;
    stage.settled(&host).await;
    let health = host.health().await;
    assert!(
        health["counters"]["commits_replayed"].as_u64() > Some(100),
        "{health}"
    );
    assert_eq!(health["counters"]["commits"], 0, "{health}");
    stage.all_post().await;
    stage.ends_equal(host).await;
}
