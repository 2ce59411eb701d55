//! What a Jetstream does wrong: lies, losses, junk, forgotten history.

use aviary::ingest::{Compression, GapReason};
use aviary::telemetry::Counter;
use aviary_simnet::{Config, Network, Twist};

use super::{Follower, until};

const WANTED: [&str; 1] = ["app.bsky.feed.like"];

async fn network(config: Config) -> Network {
    Network::start(config).await.unwrap()
}

#[tokio::test]
async fn a_record_that_does_not_fit_its_cid_is_refused() {
    let network = network(Config::default()).await;
    network.jetstream().every(Twist::WrongCid, 7);
    let follower = Follower::start(
        &network,
        &["app.bsky.*", "xyz.statusphere.*"],
        Compression::Off,
        Some(0),
    );
    network.emit(200).await.unwrap();
    follower.caught_up(&network).await;
    let fired = network.jetstream().fired(Twist::WrongCid);
    assert!(fired > 10);
    assert_eq!(follower.count(Counter::OpsRejected), fired);
    let held = follower.end().await;
    assert_eq!(held.desyncs.len() as u64, fired);
    let truth = network.truth().unwrap();
    for desync in &held.desyncs {
        assert!(desync.lost[0].reason.contains("CID"), "{desync:?}");
        assert!(desync.rev.is_some() && truth.accounts.contains_key(desync.did.as_str()));
    }
}

#[tokio::test]
async fn a_lie_that_fits_its_cid_cannot_be_told_and_is_marked_unverified() {
    let network = network(Config::default()).await;
    network.jetstream().every(Twist::Lie, 10);
    let follower = Follower::start(
        &network,
        &["app.bsky.*", "xyz.statusphere.*"],
        Compression::Off,
        Some(0),
    );
    network.emit(150).await.unwrap();
    follower.caught_up(&network).await;
    assert!(network.jetstream().fired(Twist::Lie) > 5);
    assert_eq!(follower.count(Counter::OpsRejected), 0);
    // `Held::take` holds every entry against the weakest trust.
    assert!(follower.end().await.entries > 100);
}

#[tokio::test]
async fn junk_between_the_events_is_counted_and_passed() {
    let network = network(Config::default()).await;
    network.jetstream().every(Twist::Garbage, 11);
    network.jetstream().every(Twist::UnknownKind, 13);
    let follower = Follower::start(&network, &WANTED, Compression::Off, Some(0));
    network.emit(250).await.unwrap();
    follower.caught_up(&network).await;
    let fired = |twist| network.jetstream().fired(twist);
    assert!(fired(Twist::Garbage) > 10 && fired(Twist::UnknownKind) > 10);
    let rejected = follower.counters.snapshot().rejected;
    assert_eq!(rejected["jetstream-message"], fired(Twist::Garbage));
    assert_eq!(
        follower.count(Counter::FramesUnknown),
        fired(Twist::UnknownKind)
    );
    let held = follower.end().await;
    held.agrees_with(&network.truth().unwrap(), &WANTED);
}

#[tokio::test]
async fn history_that_the_upstream_forgot_is_a_gap() {
    let network = network(Config {
        jetstream_events: 200,
        ..Config::default()
    })
    .await;
    let follower = Follower::start(&network, &WANTED, Compression::Off, Some(0));
    network.emit(100).await.unwrap();
    follower.caught_up(&network).await;
    let cursor = follower.end().await.mark_us;
    network.world().wait(600_000_000);
    network.emit(400).await.unwrap();
    let again = Follower::start(&network, &WANTED, Compression::Off, Some(cursor));
    until(|| !again.gaps().is_empty()).await;
    let gaps = again.gaps();
    assert_eq!((gaps.len(), gaps[0].reason), (1, GapReason::Outdated));
    assert_eq!(gaps[0].collections, WANTED);
    assert_eq!(gaps[0].from_us, cursor);
    assert!(gaps[0].to_us > cursor + 600_000_000);
    assert!(gaps[0].to_us < network.jetstream().last_us() as i64);
    again.caught_up(&network).await;
    assert_eq!(again.gaps().len(), 1);
    again.end().await;
}

#[tokio::test]
async fn silence_ends_a_connection_only_without_an_answer_to_a_ping() {
    let network = network(Config::default()).await;
    let follower = Follower::start(&network, &WANTED, Compression::Off, None);
    until(|| network.jetstream().connections().len() == 1).await;
    // Longer than the deadline: the answers to pings keep it.
    tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
    assert_eq!(network.jetstream().connections().len(), 1);
    assert_eq!(follower.count(Counter::Reconnects), 0);
    follower.end().await;
}
