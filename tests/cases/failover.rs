//! Several addresses of one stream: one goes away, the next one takes over, and no record is lost by it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aviary_simnet::{Config, Mix, Network};
use aviary_tests::host::network_environment;
use aviary_tests::{HostProcess, dump, place};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const COLLECTION: &str = "xyz.statusphere.status";

/// A second door to one of the network's listeners, which can be shut.
struct Door {
    url: String,
    open: JoinHandle<()>,
}

impl Door {
    async fn to(url: &str) -> Self {
        let behind = url.trim_start_matches("ws://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let open = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut outer, _)) = listener.accept().await {
                let behind = behind.clone();
                connections.spawn(async move {
                    if let Ok(mut inner) = TcpStream::connect(behind).await {
                        tokio::io::copy_bidirectional(&mut outer, &mut inner)
                            .await
                            .ok();
                    }
                });
            }
        });
        Self { url, open }
    }

    /// Ends every connection through it and takes no more.
    async fn shut(self) {
        self.open.abort();
        assert!(self.open.await.unwrap_err().is_cancelled());
    }
}

async fn network(seed: u64) -> Network {
    // A gap of the whole stream is mended for those that are followed; joining and leaving is not its subject.
    let mix = Mix {
        account_statuses: 0,
        joins: 0,
        statuses: 800,
        ..Mix::default()
    };
    let config = Config {
        seed,
        accounts: 20,
        mix,
        ..Config::default()
    };
    Network::start(config).await.unwrap()
}

async fn follow(
    network: &Network,
    source: &str,
    start: &str,
    list: &str,
    dir: &Path,
) -> HostProcess {
    let plugins = place::plugins_dir(&["statusphere"]);
    let plugins = plugins.path().to_str().unwrap();
    let store = "sqlite://store.db";
    let flag = format!("--{source}");
    let args = [
        "--plugins",
        plugins,
        "--store",
        store,
        "--source",
        source,
        &flag,
        list,
    ];
    let mut environment = network_environment(network.urls());
    environment.push(("AVIARY_INGEST_START", start.to_owned()));
    let host = HostProcess::with(&args, &environment, dir).await;
    until(&host, |health| health["connected"] == true).await;
    host
}

async fn until(host: &HostProcess, ready: impl Fn(&serde_json::Value) -> bool) {
    for _ in 0..600 {
        if ready(&host.health().await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited for thirty seconds in vain: {}", host.health().await);
}

/// Every account says something, so that all are followed.
async fn all_write(network: &Network) {
    let dids = network.world().active_dids();
    for did in dids {
        let told = network.tell(move |world| world.post_statuses(&did, 1));
        told.await.unwrap();
    }
}

async fn rows_are_the_truth(network: &Network, dir: &Path) {
    let dump = dump::of(&dir.join("store.db")).await;
    let rows: BTreeSet<String> = dump["statusphere.statuses"]
        .iter()
        .filter_map(|line| line.split(" | ").next().map(str::to_owned))
        .collect();
    let truth = network.truth().unwrap();
    let mut expected = BTreeSet::new();
    for (did, account) in &truth.accounts {
        let statuses = account.visible().filter(|(name, ..)| *name == COLLECTION);
        expected.extend(statuses.map(|(name, rkey, _)| format!("at://{did}/{name}/{rkey}")));
    }
    assert!(expected.len() > 50, "only {} statuses", expected.len());
    assert_eq!(rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_relay_takes_over_and_what_was_missed_is_fetched() {
    let network = network(81).await;
    let dir = tempfile::tempdir().unwrap();
    let relay = network.urls().relay.clone();
    let door = Door::to(&relay).await;
    let list = format!("{},{relay}", door.url);
    let host = follow(&network, "relay", "now", &list, dir.path()).await;
    assert_eq!(host.health().await["source"], door.url.as_str());
    all_write(&network).await;
    until(&host, |health| {
        health["repos"]["synchronized"].as_u64() >= Some(19)
    })
    .await;
    door.shut().await;
    // Nobody hears these: the next relay is begun after them.
    network.emit(100).await.unwrap();
    until(&host, |health| {
        health["source"] == relay.as_str() && health["connected"] == true
    })
    .await;
    let seq = network.emit(20).await.unwrap();
    until(&host, |health| {
        health["counters"]["resyncs"].as_u64() > Some(5)
    })
    .await;
    assert_eq!(host.counter("stream_gaps").await, 1);
    host.caught_up(i64::try_from(seq).unwrap()).await;
    // The sweep lets the stream settle first: nothing may be left when it is through.
    tokio::time::sleep(Duration::from_secs(4)).await;
    host.caught_up(i64::try_from(seq).unwrap()).await;
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(&network, dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_jetstream_goes_on_where_the_one_before_was() {
    let network = network(82).await;
    let dir = tempfile::tempdir().unwrap();
    let jetstream = network.urls().jetstream.clone();
    let door = Door::to(&jetstream).await;
    let list = format!("{},{jetstream}", door.url);
    let host = follow(&network, "jetstream", "now", &list, dir.path()).await;
    network.emit(200).await.unwrap();
    until(&host, |health| {
        health["counters"]["ops"].as_u64() > Some(50)
    })
    .await;
    door.shut().await;
    network.emit(100).await.unwrap();
    until(&host, |health| {
        health["source"] == jetstream.as_str() && health["connected"] == true
    })
    .await;
    network.emit(50).await.unwrap();
    let did = network.world().active_dids()[0].clone();
    let told = network.tell(move |world| world.rename_account(&did));
    told.await.unwrap();
    host.caught_up(network.jetstream().last_us() as i64).await;
    assert_eq!(host.counter("stream_gaps").await, 0);
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(&network, dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_quiet_host_as_the_upstream_is_normal() {
    let network = network(83).await;
    let dir = tempfile::tempdir().unwrap();
    let relay = network.urls().relay.clone();
    let host = follow(&network, "relay", "now", &relay, dir.path()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let health = host.health().await;
    assert_eq!(health["connected"], true);
    assert_eq!(health["counters"]["reconnects"], 0);
    assert!(health["stream"]["silentS"].as_u64() >= Some(4), "{health}");
    assert_eq!(health["stream"]["quietCollections"], serde_json::json!([]));
    assert_eq!(network.accepted(), 1);
    assert_eq!(host.stop().await, Some(0));
}
