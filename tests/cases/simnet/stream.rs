//! Cursors, the back-window and slow consumers.

use std::time::Duration;

use aviary_simnet::Config;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Got, get, wait_for};
use super::network;

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[tokio::test]
async fn a_cursor_says_where_the_stream_starts() {
    let network = network(Config::default()).await;
    assert_eq!(network.emit(30).await.unwrap(), 30);
    let mut from_start = Client::connect(&network, Some(0)).await;
    let mut from_ten = Client::connect(&network, Some(10)).await;
    let mut live = Client::connect(&network, None).await;
    wait_for(|| network.connections() == 3).await;
    assert_eq!(from_start.seqs(30).await, range(1, 30));
    assert_eq!(from_ten.seqs(20).await, range(11, 30));
    network.emit(5).await.unwrap();
    assert_eq!(live.seqs(5).await, range(31, 35));
    assert_eq!(from_ten.seqs(5).await, range(31, 35));
    assert_eq!(live.next().await, Got::Quiet);
}

#[tokio::test]
async fn a_cursor_before_the_window_is_outdated() {
    let network = network(Config {
        window_events: 10,
        ..Config::default()
    })
    .await;
    network.emit(30).await.unwrap();
    let mut client = Client::connect(&network, Some(5)).await;
    assert!(matches!(client.next().await, Got::Info(name, _) if name == "OutdatedCursor"));
    assert_eq!(client.seqs(10).await, range(21, 30));
    let mut oldest = Client::connect(&network, Some(0)).await;
    assert_eq!(oldest.seqs(10).await, range(21, 30));
    let mut just_in_time = Client::connect(&network, Some(20)).await;
    assert_eq!(just_in_time.seqs(10).await, range(21, 30));
}

#[tokio::test]
async fn a_cursor_after_the_last_event_is_refused() {
    let network = network(Config::default()).await;
    network.emit(3).await.unwrap();
    let mut client = Client::connect(&network, Some(4)).await;
    assert_eq!(
        client.take(2).await,
        [Got::Error("FutureCursor".into()), Got::Close]
    );
    let mut present = Client::connect(&network, Some(3)).await;
    network.emit(1).await.unwrap();
    assert_eq!(present.seqs(1).await, [4]);
}

#[tokio::test]
async fn a_cursor_that_is_no_number_is_refused() {
    let network = network(Config::default()).await;
    let path = "/xrpc/com.atproto.sync.subscribeRepos?cursor=abc";
    let (status, ..) = get(&network.urls().pds, path).await;
    assert!((400..500).contains(&status), "{status}");
    let url = network.urls().subscribe() + "?cursor=abc";
    let refused = tokio_tungstenite::connect_async(url).await.unwrap_err();
    assert!(refused.to_string().contains("400"), "{refused}");
}

#[tokio::test]
async fn emission_waits_for_a_consumer_that_reads() {
    let network = network(Config {
        window_events: 8,
        ..Config::default()
    })
    .await;
    let mut client = Client::connect(&network, None).await;
    let reader = async {
        let mut seqs = Vec::new();
        for _ in 0..20 {
            seqs.extend(client.seqs(40).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        seqs
    };
    let (emitted, seqs) = tokio::join!(network.emit(800), reader);
    assert_eq!((emitted.unwrap(), seqs), (800, range(1, 800)));
    assert!(network.drained(Duration::from_secs(60)).await);
}

#[tokio::test]
async fn a_consumer_that_does_not_read_holds_nobody_up_for_long() {
    let config = Config {
        window_events: 50,
        slow_consumer_ms: 300,
        ..Config::default()
    };
    let network = network(config).await;
    let client = Client::connect(&network, None).await;
    // More than the socket buffers of both sides take.
    let mut seq = 0;
    while network.connections() > 0 {
        seq = network.emit(500).await.unwrap();
        assert!(seq < 40_000, "the consumer is still connected");
    }
    assert!(seq >= 500);
    drop(client);
}

#[tokio::test]
async fn a_consumer_whose_events_are_gone_is_told_so() {
    let config = Config {
        window_events: 10,
        slow_consumer_ms: 50,
        ..Config::default()
    };
    let network = network(config).await;
    let mut client = Client::connect(&network, None).await;
    network.faults().silence(true);
    wait_for(|| network.faults().fired(aviary_simnet::Fault::Silence) == 1).await;
    network.emit(100).await.unwrap();
    network.faults().silence(false);
    assert_eq!(
        client.take(2).await,
        [Got::Error("ConsumerTooSlow".into()), Got::Close]
    );
}

#[tokio::test]
async fn a_paced_run_ends_when_told() {
    let network = network(Config::default()).await;
    let mut client = Client::connect(&network, None).await;
    let stop = CancellationToken::new();
    let watcher = async {
        let seqs = client.seqs(40).await;
        stop.cancel();
        seqs
    };
    let (seq, seqs) = tokio::join!(network.run(400, stop.clone()), watcher);
    assert_eq!(seqs, range(1, 40));
    assert!(seq.unwrap() >= 40);
    let bounded = network
        .run_for(0, 25, CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(network.truth().unwrap().seq, bounded);
}

#[tokio::test]
async fn stopping_closes_connections() {
    let network = network(Config::default()).await;
    let mut client = Client::connect(&network, None).await;
    let (ended, ()) = tokio::join!(client.next(), network.stop());
    assert_eq!(ended, Got::Close);
}
