//! D10, D11: Postgres that dies, is cut off, or ends connections under a host; nothing is lost or doubled.

use std::net::ToSocketAddrs as _;
use std::time::Duration;

use aviary_simnet::Network;
use aviary_tests::proxy::{Cut, Proxy, Way};
use aviary_tests::services::PrivatePostgres;
use aviary_tests::stage::{calm, until};
use aviary_tests::{Backend, HostProcess, Stage, dump, place, truth};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(100);

/// A network with a host whose way to Postgres leads through a proxy.
struct Harmed {
    stage: Stage,
    proxy: Proxy,
    host: HostProcess,
}

impl Harmed {
    async fn new(seed: u64) -> Self {
        let stage = Stage::on(Backend::Postgres, calm(seed, 20)).await;
        let mut url = Url::parse(&stage.place.url()).unwrap();
        let target = (url.host_str().unwrap(), url.port().unwrap_or(5432));
        let target = target.to_socket_addrs().unwrap().next().unwrap();
        let proxy = Proxy::start(target).await;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxy.address().port())).unwrap();
        // The proxy reads along: nothing is encrypted.
        url.query_pairs_mut().append_pair("sslmode", "disable");
        let through = url.to_string();
        let mut args = stage.args();
        if let Some(store) = args.last_mut() {
            *store = &through;
        }
        let host = HostProcess::follow(stage.network.urls(), &args, stage.path()).await;
        stage.network.emit(100).await.unwrap();
        stage.all_post().await;
        stage.settled(&host).await;
        Self { stage, proxy, host }
    }

    async fn write(&self) {
        self.stage.network.emit(60).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// Waits until so many cuts happened, while the network writes.
    async fn cut(&self, cut: Cut) {
        let before = self.proxy.cuts();
        self.proxy.cut(cut);
        until("a cut", PATIENCE, async || {
            self.write().await;
            self.proxy.cuts() > before
        })
        .await;
    }
}

/// D11: the connection ends exactly when COMMIT was sent: nobody knows what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn d11_a_connection_that_is_cut_at_commit_neither_loses_nor_doubles() {
    let harmed = Harmed::new(331).await;
    for _ in 0..12 {
        harmed.cut(Cut::AfterWord(b"COMMIT".to_vec())).await;
    }
    assert!(harmed.proxy.cuts() >= 12);
    harmed.stage.ends_equal(harmed.host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d10_a_way_to_postgres_that_stalls_breaks_and_closes_halfway_costs_time_alone() {
    let harmed = Harmed::new(332).await;
    harmed.proxy.delay(Duration::from_millis(5));
    harmed.write().await;
    for bytes in [1, 100, 5_000] {
        harmed.cut(Cut::AfterBytes(Way::Down, bytes)).await;
        harmed.cut(Cut::AfterBytes(Way::Up, bytes)).await;
    }
    harmed.cut(Cut::Half(Way::Up)).await;
    harmed.cut(Cut::Half(Way::Down)).await;
    harmed.proxy.delay(Duration::ZERO);
    for _ in 0..5 {
        harmed.write().await;
        harmed.proxy.drop_all();
    }
    harmed.proxy.freeze(true);
    harmed.write().await;
    // Shorter than the lease: the host is slow, not away.
    tokio::time::sleep(Duration::from_secs(2)).await;
    harmed.proxy.freeze(false);
    harmed.stage.ends_equal(harmed.host).await;
}

/// An operator, or a failover, ends every session.
#[tokio::test(flavor = "multi_thread")]
async fn d11_sessions_that_are_terminated_are_opened_again() {
    let (stage, host) = Stage::following_on(Backend::Postgres, calm(333, 20)).await;
    let mut ended = 0;
    for _ in 0..10 {
        stage.network.emit(60).await.unwrap();
        ended += stage
            .place
            .number(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()",
            )
            .await;
    }
    assert!(ended >= 10, "only {ended} sessions were ended");
    stage.ends_equal(host).await;
}

/// D10: the server is killed and comes back, three times under load; reads fail meanwhile and recover.
#[tokio::test(flavor = "multi_thread")]
async fn d10_a_postgres_that_is_killed_and_restarted_loses_nothing() {
    let mut postgres = PrivatePostgres::start(&[]).await;
    let network = Network::start(calm(334, 20)).await.unwrap();
    let plugins = place::plugins_dir(&["statusphere", "posts", "likes"]);
    let dir = tempfile::tempdir().unwrap();
    let url = postgres.url();
    let args = [
        "--plugins",
        plugins.path().to_str().unwrap(),
        "--store",
        &url,
    ];
    let host = HostProcess::follow(network.urls(), &args, dir.path()).await;
    for _ in 0..3 {
        network.emit(100).await.unwrap();
        postgres.kill().await;
        network.emit(100).await.unwrap();
        postgres.restart().await;
    }
    let seq = i64::try_from(network.emit(50).await.unwrap()).unwrap();
    host.caught_up(seq).await;
    let truth = network.truth().unwrap();
    truth::counts_are_the_truth(&host, &truth).await;
    assert_eq!(host.stop().await, Some(0));
    truth::clean_dump_is_the_truth(&dump::of_postgres(&url).await, &truth);
}
