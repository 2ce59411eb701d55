//! What loading a plugin needs to know, and why it is refused.

use aviary_manifest::Manifest;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::compiled::hex;
use super::component::CheckError;
use crate::limits;

/// What the operator decides for one plugin.
#[derive(Clone, Debug)]
pub struct PluginOptions {
    /// `[plugins.NAME.settings]`; part of what rows depend on.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Memory of one instance, all its memories together (bytes).
    pub memory_bytes: usize,
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self {
            settings: serde_json::Map::new(),
            memory_bytes: limits::GUEST_MEMORY_BYTES,
        }
    }
}

/// Why a plugin is not loaded. Nothing of it has run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a plugin.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The operator granted more memory than a slot has.
    #[error("expected a memory grant of at most {limit} bytes, got {0}", limit = limits::GUEST_MEMORY_BYTES_MAX)]
    Grant(usize),
    /// The component starts with more memory than it is granted.
    #[error(
        "the component starts with {needs} bytes of memory, it is granted {granted}: grant more, or build it with less"
    )]
    Memory {
        /// What it needs (bytes).
        needs: u64,
        /// What it has (bytes).
        granted: usize,
    },
    /// The compiler refuses it.
    #[error("the component does not compile: {0}")]
    Compile(String),
    /// Its imports or exports have another shape than their version gives them.
    #[error("the component does not link: {0}; build it against the WIT of version {1}")]
    Link(String, &'static str),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// Another plugin has the name.
    #[error("the name {name:?} is taken by {by}: rename one")]
    NameTaken {
        /// The name.
        name: String,
        /// Whose it is.
        by: String,
    },
    /// Another plugin answers the method.
    #[error(
        "the method {method} is answered by plugin {by}: remove one, or take the method out of one manifest"
    )]
    MethodTaken {
        /// The method.
        method: String,
        /// Whose it is.
        by: String,
    },
}

/// Refuses what could never start.
pub(super) fn fits(component: &Component, memory_bytes: usize) -> Result<(), LoadError> {
    let needs = component
        .resources_required()
        .and_then(|r| r.max_initial_memory_size)
        .map_or(0, |pages| pages * (64 << 10));
    if needs > memory_bytes as u64 {
        return Err(LoadError::Memory {
            needs,
            granted: memory_bytes,
        });
    }
    Ok(())
}

/// A hash over what rows depend on: another one is another generation.
pub(super) fn row_digest(manifest: &Manifest, settings: &serde_json::Value) -> String {
    // A JSON object's keys come sorted, so the same content gives the same text.
    let rows = serde_json::json!({
        "name": manifest.name,
        "collections": manifest.collections,
        "body": manifest.body,
        "index-version": manifest.index_version,
        "tables": manifest.tables,
        "counts": manifest.counts,
        "settings": settings,
    });
    hex(&Sha256::digest(rows.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use aviary_manifest::Body;

    use super::*;

    #[test]
    fn the_row_digest_follows_what_rows_depend_on_and_nothing_else() {
        let manifest = |edit: fn(&mut Manifest)| {
            let mut m = Manifest::from_toml(
                "name = \"demo\"\nversion = \"1.0.0\"\napi = \"0.1\"\ncollections = [\"com.example.thing\"]\n\
                 [[tables]]\nname = \"thing\"\ncolumns = [\"tag text\"]\nkey = [\"_uri\"]\n",
            )
            .unwrap();
            edit(&mut m);
            m
        };
        let digest = |m: &Manifest, settings| row_digest(m, &settings);
        let base = digest(&manifest(|_| {}), serde_json::json!({"a": 1, "b": 2}));
        let settings = || serde_json::json!({"b": 2, "a": 1});
        assert_eq!(
            base,
            digest(&manifest(|m| m.version = "2.0.0".into()), settings())
        );
        assert_eq!(
            base,
            digest(&manifest(|m| m.summary = "other".into()), settings())
        );
        for other in [
            digest(&manifest(|m| m.index_version = 2), settings()),
            digest(&manifest(|m| m.body = Body::None), settings()),
            digest(&manifest(|m| m.tables[0].name = "thang".into()), settings()),
            digest(
                &manifest(|m| m.tables[0].columns[0].nullable = true),
                settings(),
            ),
            digest(
                &manifest(|m| m.collections.push("com.example.b".into())),
                settings(),
            ),
            digest(&manifest(|_| {}), serde_json::json!({"a": 1})),
        ] {
            assert_ne!(base, other);
        }
    }
}
