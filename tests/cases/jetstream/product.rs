//! `aviary serve` with a Jetstream as its source: rows, what health says, gaps, and a backfill beside the stream.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aviary_simnet::{Answer, Config, Mix, Network, Side, Truth, Twist};
use aviary_tests::host::network_environment;
use aviary_tests::{HostProcess, dump, place};

const COLLECTION: &str = "xyz.statusphere.status";

async fn network(seed: u64) -> Network {
    let config = Config {
        seed,
        ..Config::default()
    };
    Network::start(config).await.unwrap()
}

/// A host with two plugins that follows the network's Jetstream; `more` are further variables.
pub(super) async fn follow(
    network: &Network,
    more: &[(&'static str, &str)],
    dir: &Path,
) -> HostProcess {
    let plugins = place::plugins_dir(&["statusphere", "likes"]);
    let plugins = plugins.path().to_str().unwrap();
    let args = [
        "--plugins",
        plugins,
        "--store",
        "sqlite://store.db",
        "--source",
        "jetstream",
    ];
    let mut environment = network_environment(network.urls());
    environment.extend(more.iter().map(|(name, text)| (*name, (*text).to_owned())));
    let host = HostProcess::with(&args, &environment, dir).await;
    for _ in 0..200 {
        if host.health().await["connected"] == true {
            return host;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not connected within ten seconds: {}", host.health().await);
}

/// Waits until the host has everything up to the network's last event.
pub(super) async fn caught_up(host: &HostProcess, network: &Network) {
    let did = network.world().active_dids()[0].clone();
    let told = network.tell(move |world| world.rename_account(&did));
    told.await.unwrap();
    host.caught_up(network.jetstream().last_us() as i64).await;
}

/// The rows of a stopped host are the visible statuses of the truth.
pub(super) async fn rows_are_the_truth(dir: &Path, truth: &Truth) -> usize {
    let dump = dump::of(&dir.join("store.db")).await;
    let rows: BTreeSet<String> = dump["statusphere.statuses"]
        .iter()
        .filter_map(|line| line.split(" | ").next().map(str::to_owned))
        .collect();
    let mut expected = BTreeSet::new();
    for (did, account) in &truth.accounts {
        let statuses = account.visible().filter(|(name, ..)| *name == COLLECTION);
        expected.extend(statuses.map(|(name, rkey, _)| format!("at://{did}/{name}/{rkey}")));
    }
    assert!(expected.len() > 10, "only {} statuses", expected.len());
    assert_eq!(rows, expected);
    rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_follows_a_jetstream_and_says_so() {
    let network = network(71).await;
    let dir = tempfile::tempdir().unwrap();
    let host = follow(&network, &[], dir.path()).await;
    network.emit(900).await.unwrap();
    caught_up(&host, &network).await;
    let health = host.health().await;
    assert_eq!(health["sourceKind"], "jetstream");
    assert_eq!(health["source"], network.urls().jetstream.as_str());
    assert_eq!(health["verify"], "none");
    assert_eq!(health["connected"], true);
    assert!(health["stream"]["silentS"].as_u64() < Some(20), "{health}");
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
    let asked = network.jetstream().connections();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains(&format!("wantedCollections={COLLECTION}")));
    assert_eq!(network.connections(), 0, "the relay's stream was not asked");

    // A restart goes on where it was.
    network.emit(100).await.unwrap();
    let host = follow(&network, &[], dir.path()).await;
    caught_up(&host, &network).await;
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
    assert!(network.jetstream().connections()[1].contains("cursor=1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_beside_the_stream_loses_no_operation_of_it() {
    // A host's list leaves out who is away, so nobody is.
    let mix = Mix {
        account_statuses: 0,
        ..Mix::default()
    };
    let config = Config {
        seed: 72,
        mix,
        ..Config::default()
    };
    let network = Network::start(config).await.unwrap();
    // What happened before the host began is in no stream that it reads.
    network.emit(400).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let more = [
        ("AVIARY_INGEST_START", "now"),
        ("AVIARY_INGEST_BACKFILL", "auto"),
    ];
    let host = follow(&network, &more, dir.path()).await;
    // Repositories are fetched while the stream brings what is written meanwhile.
    for _ in 0..12 {
        network.emit(50).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    caught_up(&host, &network).await;
    assert!(host.counter("resyncs").await > 10);
    assert!(host.counter("ops").await > 100);
    assert_eq!(host.counter("stream_gaps").await, 0);
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_of_the_stream_is_counted_and_backfilled() {
    let network = Network::start(Config {
        seed: 73,
        jetstream_events: 200,
        ..Config::default()
    })
    .await
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let more = [("AVIARY_INGEST_BACKFILL", "auto")];
    let host = follow(&network, &more, dir.path()).await;
    network.emit(150).await.unwrap();
    caught_up(&host, &network).await;
    assert_eq!(host.stop().await, Some(0));
    network.world().wait(600_000_000);
    network.emit(900).await.unwrap();
    let host = follow(&network, &more, dir.path()).await;
    for _ in 0..200 {
        if host.counter("stream_gaps").await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(host.counter("stream_gaps").await, 1);
    // The list is read and its repositories are fetched after the stream has gone on.
    let fetched = host.counter("resyncs").await;
    for _ in 0..200 {
        if host.counter("resyncs").await > fetched + 10 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    caught_up(&host, &network).await;
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
}

/// A network where nobody is away: a host proves nothing of an account that is.
pub(super) async fn present(seed: u64) -> Network {
    let mix = Mix {
        account_statuses: 0,
        ..Mix::default()
    };
    let config = Config {
        seed,
        mix,
        ..Config::default()
    };
    Network::start(config).await.unwrap()
}

const PROVE_ALL: (&str, &str) = ("AVIARY_INGEST_JETSTREAM_VERIFY", "all");

#[tokio::test(flavor = "multi_thread")]
async fn lies_do_not_get_past_the_accounts_own_hosts() {
    let network = present(74).await;
    network.jetstream().every(Twist::Lie, 5);
    let dir = tempfile::tempdir().unwrap();
    let host = follow(&network, &[PROVE_ALL], dir.path()).await;
    assert_eq!(host.health().await["verify"], "all");
    for _ in 0..30 {
        network.emit(30).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    caught_up(&host, &network).await;
    assert!(network.jetstream().fired(Twist::Lie) > 50);
    let health = host.health().await;
    let count = |name: &str| health["counters"][name].as_u64().unwrap();
    let refused = count("ops_rejected");
    assert_eq!(count("stream_ops_unproven"), 0, "{health}");
    assert!(count("stream_ops_proven") > 50, "{health}");
    assert!(refused + count("stream_ops_replaced") > 20, "{health}");
    let judged = refused + count("stream_ops_replaced") + count("stream_ops_proven");
    assert_eq!(judged, count("ops"));
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_at_its_own_revision_is_refused_by_name() {
    let network = present(75).await;
    let dir = tempfile::tempdir().unwrap();
    let host = follow(&network, &[PROVE_ALL], dir.path()).await;
    network.jetstream().every(Twist::Lie, 1);
    let dids = network.world().active_dids();
    for (n, did) in (1..).zip(dids.into_iter().take(12)) {
        let told = network.tell(move |world| world.post_statuses(&did, 1));
        told.await.unwrap();
        for _ in 0..200 {
            if host.counter("ops_rejected").await == n {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(network.jetstream().fired(Twist::Lie), 12);
    caught_up(&host, &network).await;
    let health = host.health().await;
    assert_eq!(health["rejected"]["jetstream-differs"], 12, "{health}");
    assert_eq!(health["counters"]["host_dead_letters"], 12, "{health}");
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_answer_proves_nothing_and_stalls_nothing() {
    let network = present(76).await;
    network.host(Side::Pds).records.always(Answer::Down);
    let dir = tempfile::tempdir().unwrap();
    let host = follow(&network, &[PROVE_ALL], dir.path()).await;
    network.emit(600).await.unwrap();
    caught_up(&host, &network).await;
    assert!(network.host(Side::Pds).records.given(Answer::Down) > 0);
    let unproven = host.counter("stream_ops_unproven").await;
    assert_eq!(unproven, host.counter("ops").await);
    assert_eq!(host.counter("ops_rejected").await, 0);
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
}
