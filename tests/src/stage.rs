//! A simulated network with a host that follows it, and the acts that cases have in common.
//!
//! Guarantees: its folders are temporary and kept over restarts of the host; nothing is expected here but that an act
//! of the network succeeds.

use std::path::Path;
use std::time::Duration;

use aviary_simnet::{Config, Frame, Mix, Network, Result, Time, World};
use serde_json::Value;
use tempfile::TempDir;

use crate::backend::{Backend, Place};
use crate::dump::{self, Dump};
use crate::host::network_environment;
use crate::services::{self, RedisPrefix};
use crate::{HostProcess, http, place, truth};

/// A network, and the folder, store and plugins of a host that follows it.
pub struct Stage {
    /// The network.
    pub network: Network,
    /// Where the host's store is.
    pub place: Place,
    store: String,
    dir: TempDir,
    plugins: TempDir,
    redis: Option<RedisPrefix>,
}

/// A world of so many accounts at the present time, in which no account leaves or joins by itself.
#[must_use]
pub fn calm(seed: u64, accounts: usize) -> Config {
    let mix = Mix {
        account_statuses: 0,
        joins: 0,
        syncs: 0,
        ..Mix::default()
    };
    Config {
        seed,
        accounts,
        mix,
        // A rev ahead of the clock is one by the host's clock too.
        time: Time::Wall,
        ..Config::default()
    }
}

impl Stage {
    /// Starts a network, for a host with a file.
    pub async fn new(config: Config) -> Self {
        Self::on(Backend::Sqlite, config).await
    }

    /// Starts a network, for a host with a store of this backend.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn on(backend: Backend, config: Config) -> Self {
        let place = Place::new(backend).await;
        Self {
            network: Network::start(config).await.expect("a network"),
            store: place.url(),
            place,
            dir: tempfile::tempdir().expect("a folder"),
            plugins: place::plugins_dir(&["statusphere", "posts", "likes"]),
            redis: None,
        }
    }

    /// The same, with the host's queue on the shared Redis.
    pub async fn on_redis(backend: Backend, config: Config) -> Self {
        Self {
            redis: Some(services::redis_prefix()),
            ..Self::on(backend, config).await
        }
    }

    /// Deletes the queue under the host's hands; says whether it has one on Redis.
    pub async fn wipe_queue(&self) -> bool {
        match &self.redis {
            Some(prefix) => {
                prefix.wipe().await;
                true
            }
            None => false,
        }
    }

    /// The host's folder; a file's store is in it.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Sqlite(dir) => dir.path(),
            Place::Postgres(_) => self.dir.path(),
        }
    }

    /// Every table of the host's store; nobody writes it at the moment.
    pub async fn dump(&self) -> Dump {
        dump::of_place(&self.place).await
    }

    /// What every `aviary` command of this stage is told.
    ///
    /// # Panics
    /// When the folder's name is not UTF-8.
    #[must_use]
    pub fn args(&self) -> Vec<&str> {
        let plugins = self.plugins.path().to_str().expect("utf-8");
        vec!["--plugins", plugins, "--store", &self.store]
    }

    /// Starts a host over this stage's folder.
    pub async fn host(&self) -> HostProcess {
        HostProcess::with(&self.args(), &self.environment(), self.path()).await
    }

    /// The environment of this stage's hosts.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = network_environment(self.network.urls());
        if let Some(prefix) = &self.redis {
            environment.push(("AVIARY_QUEUE", prefix.queue_url()));
        }
        environment
    }

    /// A host that follows every account: each was heard of by a commit of its own.
    ///
    /// # Panics
    /// When an act fails.
    pub async fn following(config: Config) -> (Self, HostProcess) {
        Self::following_on(Backend::Sqlite, config).await
    }

    /// As [`Self::following`], on a store of this backend.
    ///
    /// # Panics
    /// When an act fails.
    pub async fn following_on(backend: Backend, config: Config) -> (Self, HostProcess) {
        let stage = Self::on(backend, config).await;
        let host = stage.host().await;
        stage.network.emit(200).await.expect("events");
        stage.all_post().await;
        stage.settled(&host).await;
        (stage, host)
    }

    /// The active accounts.
    #[must_use]
    pub fn dids(&self) -> Vec<String> {
        self.network.world().active_dids()
    }

    /// One act of the world, told to the stream; gives its seq.
    ///
    /// # Panics
    /// When it fails.
    pub async fn tell<F>(&self, act: F) -> i64
    where
        F: FnOnce(&mut World) -> Result<Frame> + Send + 'static,
    {
        let seq = self.network.tell(act).await.expect("an act");
        i64::try_from(seq).expect("a seq")
    }

    /// An account creates so many statuses in one commit.
    pub async fn posts(&self, did: &str, n: usize) -> i64 {
        let did = did.to_owned();
        self.tell(move |world| world.post_statuses(&did, n)).await
    }

    /// Every active account posts one status: what was kept from the host shows now.
    pub async fn all_post(&self) {
        for did in self.dids() {
            self.posts(&did, 1).await;
        }
    }

    /// Waits until the host has taken everything and no repository is to be fetched.
    ///
    /// # Panics
    /// When that does not happen.
    pub async fn settled(&self, host: &HostProcess) {
        host.caught_up(i64::try_from(self.network.seq()).expect("a seq"))
            .await;
    }

    /// Everything settles, the host stops well, and its tables are the world's.
    ///
    /// # Panics
    /// When they are not.
    pub async fn ends_equal(&self, host: HostProcess) {
        self.settled(&host).await;
        let truth = self.network.truth().expect("a truth");
        truth::counts_are_the_truth(&host, &truth).await;
        truth::lists_are_the_truth(&host, &truth, truth::STATUS).await;
        assert_eq!(host.stop().await, Some(0));
        truth::clean_dump_is_the_truth(&self.dump().await, &truth);
    }

    /// How many statuses of an account each read of the host shows: `listRecords`, `getRecord`, the plugin's query.
    ///
    /// # Panics
    /// When the host does not answer.
    pub async fn shown(&self, host: &HostProcess, did: &str) -> [usize; 3] {
        let listed = http::list_records(&host.url, did, truth::STATUS).await;
        let listed = listed.map_or(0, |records| records.len());
        let truth = self.network.truth().expect("a truth");
        let kept = truth
            .accounts
            .get(did)
            .and_then(|a| a.collections.get(truth::STATUS));
        let mut got = 0;
        for rkey in kept.into_iter().flat_map(|records| records.keys()) {
            let url = format!(
                "{}/xrpc/com.atproto.repo.getRecord?repo={did}&collection={}&rkey={rkey}",
                host.url,
                truth::STATUS
            );
            got += usize::from(http::get(&url).await.0 == 200);
        }
        let queried = statuses(host).await;
        let uri = format!("at://{did}/");
        let of_account = queried
            .iter()
            .filter(|s| s["uri"].as_str().is_some_and(|u| u.starts_with(&uri)));
        [listed, got, of_account.count()]
    }
}

/// Everything that `getStatuses` pages through.
///
/// # Panics
/// When the host does not answer.
pub async fn statuses(host: &HostProcess) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!(
            "{}/xrpc/xyz.statusphere.getStatuses?limit=100{cursor}",
            host.url
        );
        let (status, body) = http::get(&url).await;
        assert_eq!(status, 200, "{body}");
        let page = body["statuses"].as_array().expect("statuses");
        all.extend(page.iter().cloned());
        match body["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Waits until `is_so`, which is asked ten times a second.
///
/// # Panics
/// When it is not after `most`.
pub async fn until<F, Fut>(what: &str, most: Duration, mut is_so: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let begun = std::time::Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < most, "not within {most:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
