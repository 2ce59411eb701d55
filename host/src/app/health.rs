//! The host's figures, gathered when somebody asks.

use std::sync::Arc;

use crate::config::SourceKind;
use crate::index::{ConsumerState, ConsumerStatus};
use crate::plugins::Registry;
use crate::plugins::registry::Loaded;
use crate::queue::Queue;
use crate::serve::{Health, HealthProvider, PluginHealth, RepoHealth, StreamHealth};
use crate::store::{Feed, Pos, Store};
use crate::telemetry::{Counter, Counters};

use super::follow::Upstream;
use super::usage::Usage;

/// What the figures come from.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) store: Arc<dyn Store>,
    pub(super) feed: Arc<Feed>,
    pub(super) registry: Arc<Registry>,
    pub(super) statuses: Vec<Option<Arc<ConsumerStatus>>>,
    pub(super) counters: Arc<Counters>,
    /// The upstream and the queue behind it; none without ingest.
    pub(super) upstream: Option<(Upstream, Arc<dyn Queue>)>,
    /// What kind of stream it is.
    pub(super) kind: SourceKind,
    /// How far events are proven, in a word.
    pub(super) verify: String,
}

/// A provider over these sources.
pub(super) fn provider(sources: Sources) -> HealthProvider {
    Arc::new(move || {
        let sources = sources.clone();
        Box::pin(async move { sources.gather().await })
    })
}

impl Sources {
    async fn gather(&self) -> Health {
        let heads = self.feed.heads();
        let plugins: Vec<PluginHealth> = self
            .registry
            .plugins
            .iter()
            .zip(&self.statuses)
            .map(|(loaded, status)| plugin(loaded, status.as_deref(), &heads))
            .collect();
        let waiting = self
            .upstream
            .as_ref()
            .map_or(0, |(_, queue)| queue.len() as u64);
        let running = plugins.iter().filter(|p| p.state != "quarantined");
        let behind = running.map(|p| p.lag).max().unwrap_or(0);
        let cursor = match &self.upstream {
            // A store that cannot be asked now has no cursor to show; the rest of the page still helps.
            Some((upstream, _)) => {
                let source = upstream.source.borrow().clone();
                self.store.saved_cursor(&source).await.ok().flatten()
            }
            None => None,
        };
        let counters = self.counters.snapshot();
        let repos = self.store.repo_counts().await.unwrap_or_default();
        Health {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            source: self
                .upstream
                .as_ref()
                .map(|(upstream, _)| upstream.source.borrow().0.to_string()),
            source_kind: self.kind.word().to_owned(),
            connected: counters.get(Counter::Connected) > 0,
            events: counters.get(Counter::Frames),
            rejected: counters
                .rejected
                .iter()
                .map(|(k, v)| ((*k).to_owned(), *v))
                .collect(),
            cursor,
            lag: waiting + behind,
            rows: plugins.iter().map(|p| p.rows).sum(),
            records: counters.get(Counter::Records),
            resident_bytes: Usage::now().resident_bytes,
            verify: self.verify.clone(),
            stream: self.upstream.as_ref().map(|(upstream, _)| stream(upstream)),
            repos: RepoHealth {
                synchronized: repos.synchronized,
                desynchronized: repos.desynchronized,
                resyncing: repos.resyncing,
                inactive: repos.inactive,
            },
            counters: counters
                .values
                .iter()
                .map(|(counter, n)| (counter.name().to_owned(), *n))
                .collect(),
            plugins,
        }
    }
}

fn stream(upstream: &Upstream) -> StreamHealth {
    let report = upstream.pulse.report();
    StreamHealth {
        silent_s: report.silent_s,
        cursor_still_s: report.cursor_still_s,
        state: report.state.word().to_owned(),
        quiet_collections: report.quiet_collections,
    }
}

fn plugin(loaded: &Loaded, status: Option<&ConsumerStatus>, heads: &[Pos]) -> PluginHealth {
    let manifest = loaded.plugin.manifest();
    let mut health = PluginHealth {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        state: "running".to_owned(),
        collections: manifest.collections.clone(),
        methods: manifest.methods.keys().cloned().collect(),
        ..PluginHealth::default()
    };
    if let Some(status) = status {
        let now = status.snapshot();
        health.state = match now.state {
            ConsumerState::Running => "running",
            ConsumerState::Quarantined => "quarantined",
            ConsumerState::Stopped => "stopped",
        }
        .to_owned();
        let behind: i64 = heads
            .iter()
            .zip(&now.positions)
            .map(|(head, at)| (head - at).max(0))
            .sum();
        health.lag = u64::try_from(behind).unwrap_or(0);
        health.rows = now.rows;
        health.dead_letters = now.dead;
    }
    health
}
