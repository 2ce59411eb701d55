//! What cargo says about this workspace: where things go, and which packages are guests.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::steps::cargo_with;

/// The workspace.
pub(crate) struct Workspace {
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// Packages that are WebAssembly components.
    pub(crate) guests: Vec<Guest>,
}

/// A package that is a component: its library is a `cdylib`.
pub(crate) struct Guest {
    /// The package.
    pub(crate) package: String,
    /// Its file below `target/wasm32-wasip2/guest`.
    pub(crate) file: String,
    /// Whether it is one of `plugins/`, and not only for tests.
    pub(crate) bundled: bool,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// When cargo does not answer.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let output = cargo_with(&["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot start cargo metadata")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed: {said}");
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
        let path = |name: &str| {
            let text = metadata[name].as_str();
            text.map(PathBuf::from)
                .with_context(|| format!("cargo metadata has no {name}"))
        };
        let root = path("workspace_root")?;
        let packages = metadata["packages"]
            .as_array()
            .context("cargo metadata has no packages")?;
        Ok(Self {
            guests: packages.iter().filter_map(|p| guest(p, &root)).collect(),
            target: path("target_directory")?,
        })
    }

    /// The folder that the bundled plugins are copied to.
    pub(crate) fn plugins_dir(&self) -> PathBuf {
        self.target.join("plugins")
    }
}

fn guest(package: &Value, root: &Path) -> Option<Guest> {
    let targets = package["targets"].as_array()?;
    let library = targets.iter().find(|t| {
        t["kind"]
            .as_array()
            .is_some_and(|k| k.iter().any(|k| k == "cdylib"))
    })?;
    let manifest = Path::new(package["manifest_path"].as_str()?);
    Some(Guest {
        package: package["name"].as_str()?.to_owned(),
        file: format!("{}.wasm", library["name"].as_str()?.replace('-', "_")),
        bundled: manifest.starts_with(root.join("plugins")),
    })
}
