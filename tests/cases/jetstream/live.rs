//! Live against the simulated Jetstream: filters, reconnects, compression, cursors.

use aviary::ingest::{Compression, GapReason};
use aviary::telemetry::Counter;
use aviary_simnet::{Config, Network, Twist};

use super::{Follower, patterns, until};

const WANTED: [&str; 2] = ["app.bsky.feed.post", "xyz.statusphere.status"];

async fn network(seed: u64) -> Network {
    let config = Config {
        seed,
        ..Config::default()
    };
    Network::start(config).await.unwrap()
}

#[tokio::test]
async fn broken_connections_and_repeats_lose_nothing() {
    let network = network(61).await;
    network.jetstream().every(Twist::Close, 70);
    network.jetstream().every(Twist::Duplicate, 9);
    let follower = Follower::start(&network, &WANTED, Compression::Off, Some(0));
    for round in 0..4 {
        network.emit(200).await.unwrap();
        until(|| network.jetstream().connections().len() > round).await;
        network.jetstream().drop_connections();
    }
    network.jetstream().every(Twist::Close, 0);
    follower.caught_up(&network).await;
    assert!(network.jetstream().fired(Twist::Close) > 0);
    assert!(network.jetstream().fired(Twist::Duplicate) > 50);
    assert!(follower.count(Counter::Reconnects) > 2);
    assert_eq!(follower.gaps(), []);
    let held = follower.end().await;
    held.agrees_with(&network.truth().unwrap(), &WANTED);
    let last = network.jetstream().connections().pop().unwrap();
    assert!(
        last.contains("wantedCollections=xyz.statusphere.status"),
        "{last}"
    );
}

#[tokio::test]
async fn a_collection_that_is_wanted_later_comes_from_then_on_and_leaves_a_gap() {
    let network = network(62).await;
    let follower = Follower::start(&network, &WANTED[..1], Compression::Off, Some(0));
    network.emit(200).await.unwrap();
    follower.caught_up(&network).await;
    follower
        .wanted
        .send_replace(patterns(&["app.bsky.feed.post", "xyz.statusphere.*"]));
    until(|| network.jetstream().updates() == 1).await;
    network.emit(200).await.unwrap();
    follower.caught_up(&network).await;
    let gaps = follower.gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].collections, ["xyz.statusphere.*"]);
    assert_eq!((gaps[0].from_us, gaps[0].reason), (0, GapReason::Added));
    assert!(gaps[0].to_us > network.jetstream().last_us() as i64);
    let held = follower.end().await;
    held.agrees_with(&network.truth().unwrap(), &WANTED[..1]);
    let statuses = held
        .records
        .keys()
        .filter(|(_, path)| path.starts_with("xyz."));
    assert!(statuses.count() > 3);
    assert_eq!(network.jetstream().connections().len(), 1);
}

#[tokio::test]
async fn nothing_is_connected_while_nothing_is_wanted() {
    let network = network(63).await;
    let follower = Follower::start(&network, &[], Compression::Off, Some(0));
    network.emit(50).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(network.jetstream().connections().is_empty());
    let many: Vec<String> = (0..40).map(|n| format!("com.example.c{n}")).collect();
    let mut wanted = patterns(&WANTED);
    wanted.extend(many);
    follower.wanted.send_replace(wanted);
    network.emit(100).await.unwrap();
    follower.caught_up(&network).await;
    let first = network.jetstream().connections()[0].clone();
    assert!(
        first.contains("requireHello=true") && !first.contains("wantedC"),
        "{first}"
    );
    assert_eq!(network.jetstream().updates(), 1);
    let held = follower.end().await;
    held.agrees_with(&network.truth().unwrap(), &WANTED);
}

#[tokio::test]
async fn compressed_messages_are_the_same_and_a_bomb_is_passed() {
    let network = network(64).await;
    network.jetstream().every(Twist::Bomb, 60);
    let follower = Follower::start(&network, &WANTED, Compression::Plain, Some(0));
    network.emit(400).await.unwrap();
    follower.caught_up(&network).await;
    let bombs = network.jetstream().fired(Twist::Bomb);
    assert!(bombs > 0);
    let rejected = follower.counters.snapshot().rejected;
    assert_eq!(rejected["jetstream-packed"], bombs);
    let held = follower.end().await;
    held.agrees_with(&network.truth().unwrap(), &WANTED);
}

#[tokio::test]
async fn a_restart_goes_on_at_its_mark() {
    let network = network(65).await;
    let follower = Follower::start(&network, &WANTED, Compression::Off, Some(0));
    network.emit(150).await.unwrap();
    follower.caught_up(&network).await;
    let before = follower.end().await;
    network.emit(150).await.unwrap();
    let again = Follower::start(&network, &WANTED, Compression::Off, Some(before.mark_us));
    again.held.lock().unwrap().records = before.records;
    again.caught_up(&network).await;
    assert_eq!(again.gaps(), []);
    again
        .end()
        .await
        .agrees_with(&network.truth().unwrap(), &WANTED);
}
