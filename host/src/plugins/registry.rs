//! What is loaded: the plugins of a folder, each with its generation, found by method and by collection.
//!
//! Guarantees: a file that is refused is reported with its reason and harms no other; a name and a method belong to one
//! plugin, the first in the files' order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::component::{self, Checked};
use super::engine::Engines;
use super::load::{LoadError, PluginOptions};
use super::plugin::Plugin;
use crate::limits;
use crate::store::Generation;

/// One plugin at work.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its code and manifest.
    pub plugin: Arc<Plugin>,
    /// Its tables and positions.
    pub generation: Generation,
}

/// A file that is not loaded.
#[derive(Debug)]
pub struct Refused {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub error: LoadError,
}

/// Everything that is loaded.
#[derive(Debug, Default)]
pub struct Registry {
    /// In the files' order.
    pub plugins: Vec<Loaded>,
    /// Files that were not loaded.
    pub refused: Vec<Refused>,
}

/// What the operator decides, by plugin name.
pub type OptionsByName = BTreeMap<String, PluginOptions>;

impl Registry {
    /// Loads the `*.wasm` files of a folder in the order of their names. Blocks while it compiles.
    ///
    /// # Errors
    /// When the folder itself cannot be listed; a file's trouble is in the answer.
    pub fn load_dir(
        engines: &Engines,
        dir: &Path,
        options: &OptionsByName,
    ) -> std::io::Result<(Vec<Arc<Plugin>>, Vec<Refused>)> {
        let mut plugins: Vec<(PathBuf, Arc<Plugin>)> = Vec::new();
        let mut refused = Vec::new();
        for path in component_files(dir)? {
            match load_file(engines, &path, options, &plugins) {
                Ok(plugin) => plugins.push((path, plugin)),
                Err(error) => refused.push(Refused { path, error }),
            }
        }
        Ok((
            plugins.into_iter().map(|(_, plugin)| plugin).collect(),
            refused,
        ))
    }

    /// Who answers a method.
    #[must_use]
    pub fn by_method(&self, nsid: &str) -> Option<&Loaded> {
        self.plugins
            .iter()
            .find(|l| l.plugin.manifest().methods.contains_key(nsid))
    }

    /// The collections that plugins index, as their manifests write them (NSIDs, or a prefix and `.*`), each once.
    #[must_use]
    pub fn collections(&self) -> Vec<String> {
        let all = self
            .plugins
            .iter()
            .flat_map(|l| &l.plugin.manifest().collections);
        let mut collections: Vec<String> = all.cloned().collect();
        collections.sort();
        collections.dedup();
        collections
    }

    /// Whether any plugin indexes a collection.
    #[must_use]
    pub fn wants(&self, collection: &str) -> bool {
        self.plugins.iter().any(|l| l.plugin.wants(collection))
    }
}

fn component_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn load_file(
    engines: &Engines,
    path: &Path,
    options: &OptionsByName,
    before: &[(PathBuf, Arc<Plugin>)],
) -> Result<Arc<Plugin>, LoadError> {
    let bytes = read_bounded(path)?;
    let checked = component::check(&bytes)?;
    unclaimed(&checked, before)?;
    let chosen = options
        .get(&checked.manifest.name)
        .cloned()
        .unwrap_or_default();
    Plugin::load_checked(engines, &bytes, checked, &chosen)
}

/// One byte over the bound is enough for the check to refuse it.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(limits::COMPONENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unclaimed(checked: &Checked, before: &[(PathBuf, Arc<Plugin>)]) -> Result<(), LoadError> {
    for (path, plugin) in before {
        if plugin.name() == checked.manifest.name {
            return Err(LoadError::NameTaken {
                name: checked.manifest.name.clone(),
                by: path.display().to_string(),
            });
        }
        let theirs = &plugin.manifest().methods;
        if let Some(method) = checked
            .manifest
            .methods
            .keys()
            .find(|m| theirs.contains_key(*m))
        {
            return Err(LoadError::MethodTaken {
                method: method.clone(),
                by: plugin.name().to_owned(),
            });
        }
    }
    Ok(())
}
