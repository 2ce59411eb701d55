//! Building a host's parts from its settings, bottom up.

use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{ArchiveMode, Settings, StoreUrl};
use crate::index::ConsumerStatus;
use crate::ingest::Scope;
use crate::plugins::registry::{Loaded, OptionsByName};
use crate::plugins::{CompiledFolder, EngineOptions, Engines, PluginOptions, Refused, Registry};
use crate::store::patient::Patient;
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{Feed, Registration, Store};
use crate::telemetry::Counters;

/// Everything that the tasks of a host share.
pub(super) struct Parts {
    /// For ingest and index: its reads wait out passing trouble.
    pub(super) store: Arc<dyn Store>,
    /// For serving: its reads say at once that they cannot be answered.
    pub(super) plain_store: Arc<dyn Store>,
    /// Ends what still waits for the store.
    pub(super) abandon: CancellationToken,
    pub(super) feed: Arc<Feed>,
    pub(super) registry: Arc<Registry>,
    /// Of the plugins that index, by their place in the registry; filled when they start.
    pub(super) statuses: Vec<Option<Arc<ConsumerStatus>>>,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    pub(super) scope: Scope,
}

impl Parts {
    /// Opens the store, waits until this host may write it, loads and registers the plugins. A plugin that is refused
    /// is logged and left out. `None`: told to stop while another host had the store.
    pub(super) async fn build(
        settings: &Settings,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        let clock = Clock::system();
        let plain_store = open_store(settings, &clock).await?;
        if settings.roles.writes() && !plain_store.own(stop).await? {
            plain_store.close().await;
            return Ok(None);
        }
        let abandon = CancellationToken::new();
        let patient = Patient::new(Arc::clone(&plain_store), abandon.clone());
        let store: Arc<dyn Store> = Arc::new(patient);
        let (plugins, refused) = load_plugins(settings).await?;
        let registry = register(&*store, plugins, refused).await?;
        let heads = store.heads().await?;
        let scope = match settings.archive {
            ArchiveMode::All => Scope::all(),
            ArchiveMode::Plugins => Scope::of(registry.collections().iter().map(String::as_str)),
        };
        Ok(Some(Self {
            feed: Arc::new(Feed::new(Arc::clone(&store), &heads)),
            store,
            plain_store,
            abandon,
            statuses: vec![None; registry.plugins.len()],
            registry: Arc::new(registry),
            counters: Arc::new(Counters::new()),
            clock,
            scope,
        }))
    }
}

async fn open_store(settings: &Settings, clock: &Clock) -> anyhow::Result<Arc<dyn Store>> {
    match &settings.store {
        StoreUrl::Sqlite(path) => {
            let options = SqliteOptions {
                path: path.clone(),
                partitions: settings.partitions,
                clock: clock.clone(),
            };
            Ok(Arc::new(SqliteStore::open(options).await?))
        }
        StoreUrl::Postgres { url, schema } => {
            let options = PostgresOptions {
                url: url.clone(),
                schema: schema.clone(),
                partitions: settings.partitions,
                clock: clock.clone(),
            };
            Ok(Arc::new(PostgresStore::open(options).await?))
        }
    }
}

/// The engine with its folder of compiled components.
pub(super) fn engines(settings: &Settings) -> anyhow::Result<Engines> {
    let compiled = CompiledFolder::open(&settings.cache_dir)?;
    Ok(Engines::new(EngineOptions {
        compiled: Some(compiled),
        ..EngineOptions::default()
    })?)
}

/// What the operator decided for each plugin.
pub(super) fn plugin_options(settings: &Settings) -> OptionsByName {
    settings
        .plugins
        .iter()
        .map(|(name, plugin)| {
            let options = PluginOptions {
                settings: plugin.settings.clone(),
                memory_bytes: (plugin.memory_mib as usize) << 20,
            };
            (name.clone(), options)
        })
        .collect()
}

type LoadedPlugins = (Vec<Arc<crate::plugins::Plugin>>, Vec<Refused>);

async fn load_plugins(settings: &Settings) -> anyhow::Result<LoadedPlugins> {
    let dir = settings.plugins_dir.clone();
    if !dir.is_dir() {
        tracing::warn!(dir = %dir.display(), "app.no_plugins: there is no such folder; the host runs without plugins");
        return Ok(LoadedPlugins::default());
    }
    let (engines, options) = (engines(settings)?, plugin_options(settings));
    let off: Vec<String> = settings
        .plugins
        .iter()
        .filter(|(_, plugin)| !plugin.enabled)
        .map(|(name, _)| name.clone())
        .collect();
    // Compiling takes seconds of CPU.
    let load = move || Registry::load_dir(&engines, &dir, &options);
    let (mut plugins, refused) = tokio::task::spawn_blocking(load).await?.with_context(|| {
        format!(
            "cannot list the folder of plugins {}",
            settings.plugins_dir.display()
        )
    })?;
    plugins.retain(|plugin| !off.iter().any(|name| name == plugin.name()));
    Ok((plugins, refused))
}

async fn register(
    store: &dyn Store,
    plugins: Vec<Arc<crate::plugins::Plugin>>,
    refused: Vec<Refused>,
) -> anyhow::Result<Registry> {
    for Refused { path, error } in &refused {
        tracing::error!(file = %path.display(), %error, "app.plugin_refused: a file is not loaded");
    }
    let mut registry = Registry {
        refused,
        ..Registry::default()
    };
    for plugin in plugins {
        let registration = Registration {
            manifest: Arc::clone(plugin.manifest()),
            digest: plugin.row_digest(),
        };
        match store.register(registration).await {
            Ok(generation) => {
                let (name, id) = (plugin.name(), generation.id);
                tracing::info!(
                    name,
                    generation = id,
                    new = generation.is_new,
                    "app.plugin_loaded: a plugin is loaded"
                );
                registry.plugins.push(Loaded { plugin, generation });
            }
            Err(error @ crate::store::StoreError::Refused(_)) => {
                tracing::error!(name = plugin.name(), %error, "app.plugin_refused: its tables or reads are not acceptable");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(registry)
}
