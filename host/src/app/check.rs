//! Checking a plugin's file as loading it would, without a store.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::CheckedPlugin;
use super::parts::{engines, plugin_options};
use crate::clock::Clock;
use crate::config::Settings;
use crate::plugins::{Plugin, component};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{Registration, Store};

/// Checks a plugin's file as loading it would: the component, its manifest, its tables, its reads and their plans. The
/// tables are made in a store that is thrown away.
///
/// # Errors
/// When it would be refused.
pub async fn check_plugin(settings: &Settings, file: &Path) -> anyhow::Result<CheckedPlugin> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let checked = component::check(&bytes)?;
    let options = plugin_options(settings)
        .remove(&checked.manifest.name)
        .unwrap_or_default();
    let size_bytes = bytes.len();
    let engines = engines(settings)?;
    let plugin =
        tokio::task::spawn_blocking(move || Plugin::load(&engines, &bytes, &options)).await??;
    try_tables(&plugin).await?;
    Ok(CheckedPlugin {
        manifest: checked.manifest,
        imports: checked.imports,
        exports: checked.exports,
        size_bytes,
    })
}

async fn try_tables(plugin: &Arc<Plugin>) -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let options = SqliteOptions {
        path: scratch.0.join("check.db"),
        partitions: 1,
        clock: Clock::system(),
    };
    let store = SqliteStore::open(options).await?;
    let registered = store
        .register(Registration {
            manifest: Arc::clone(plugin.manifest()),
            digest: plugin.row_digest(),
        })
        .await;
    store.close().await;
    registered?;
    Ok(())
}

/// A folder that goes with this value.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let name = format!(
            "aviary-check-{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
