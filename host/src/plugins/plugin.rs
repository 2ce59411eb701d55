//! One loaded version of a plugin: checked, compiled, linked, and called, each call in a fresh sandbox.
//!
//! Guarantees: `index` answers for every change it is given, in order, whatever the guest does; `handle` answers or says
//! which kind of failure it was. Does not check rows against the manifest: [`super::check_rows`] does.

use std::sync::Arc;

use aviary_manifest::{Body, Manifest};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::bisect::bisect;
use super::compiled::hex;
use super::component::{self, Api, CheckError, Checked};
use super::engine::Engines;
use super::failure::{self, Failure, FailureKind};
use super::host_calls::Reads;
use super::sandbox::{Bounds, Sandbox};
use super::v0_1;
use super::values::RawPut;
use super::xrpc::{HandleError, XrpcRequest, XrpcResponse};
use crate::limits;
use crate::store::{Change, DeadReason, GenerationId, Store};

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

/// What a guest makes of one change.
#[derive(Clone, Debug, PartialEq)]
pub enum GuestOutcome {
    /// These rows and no others, not yet held against the manifest.
    Apply(Vec<RawPut>),
    /// No rows.
    Skip,
    /// No rows: the record is bad, says the plugin.
    Reject(String),
    /// No rows: the guest failed on it.
    Dead {
        /// Which kind of failure.
        reason: DeadReason,
        /// In words, at most 1,024 bytes.
        detail: String,
    },
}

/// What a guest said, before the host's own failures come in.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// These rows.
    Apply(Vec<RawPut>),
    /// None.
    Skip,
    /// None, with a reason.
    Reject(String),
}

impl From<Outcome> for GuestOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Apply(puts) => Self::Apply(puts),
            Outcome::Skip => Self::Skip,
            Outcome::Reject(mut reason) => {
                reason.truncate(reason.floor_char_boundary(failure::DETAIL_BYTES_MAX));
                Self::Reject(reason)
            }
        }
    }
}

impl From<Failure> for GuestOutcome {
    fn from(failure: Failure) -> Self {
        Self::Dead {
            reason: failure.reason(),
            detail: failure.detail,
        }
    }
}

/// One loaded version of a plugin.
pub struct Plugin {
    manifest: Arc<Manifest>,
    name: Arc<str>,
    sha256: [u8; 32],
    row_digest: String,
    settings: Arc<str>,
    memory_bytes: usize,
    engines: Engines,
    guest: Guest,
}

/// A linked component by WIT version.
enum Guest {
    V0_1(v0_1::Guest),
}

impl Plugin {
    /// Checks, compiles and links a component. Blocks for the compilation (seconds for a large one): call it where
    /// blocking is allowed.
    ///
    /// # Errors
    /// When the bytes are not a plugin that this host can run under these options.
    pub fn load(
        engines: &Engines,
        bytes: &[u8],
        options: &PluginOptions,
    ) -> Result<Arc<Self>, LoadError> {
        let checked = component::check(bytes)?;
        Self::load_checked(engines, bytes, checked, options)
    }

    pub(super) fn load_checked(
        engines: &Engines,
        bytes: &[u8],
        checked: Checked,
        options: &PluginOptions,
    ) -> Result<Arc<Self>, LoadError> {
        if options.memory_bytes > limits::GUEST_MEMORY_BYTES_MAX {
            return Err(LoadError::Grant(options.memory_bytes));
        }
        let component = engines
            .compile(&checked.sha256, bytes)
            .map_err(|e| LoadError::Compile(format!("{e:#}")))?;
        fits(&component, options.memory_bytes)?;
        let manifest = checked.manifest;
        let (indexer, methods) = (
            !manifest.collections.is_empty(),
            !manifest.methods.is_empty(),
        );
        let guest = match checked.api {
            Api::V0_1 => engines
                .v0_1()
                .link(&component, indexer, methods)
                .map(Guest::V0_1)
                .map_err(|e| LoadError::Link(format!("{e:#}"), checked.api.word()))?,
        };
        let settings = serde_json::Value::Object(options.settings.clone());
        Ok(Arc::new(Self {
            row_digest: row_digest(&manifest, &settings),
            name: manifest.name.as_str().into(),
            manifest: Arc::new(manifest),
            sha256: checked.sha256,
            settings: settings.to_string().into(),
            memory_bytes: options.memory_bytes,
            engines: engines.clone(),
            guest,
        }))
    }

    /// What it declares.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hash of its file, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.sha256)
    }

    /// The lexicon documents that it embeds.
    #[must_use]
    pub fn lexicons(&self) -> &[serde_json::Value] {
        &self.manifest.lexicons
    }

    /// A hash over everything that rows depend on: another one is another generation with its own tables.
    #[must_use]
    pub fn row_digest(&self) -> String {
        self.row_digest.clone()
    }

    /// Whether the manifest asks for a collection: by its name, or by a prefix and `.*`.
    #[must_use]
    pub fn wants(&self, collection: &str) -> bool {
        self.manifest
            .collections
            .iter()
            .any(|pattern| matches(pattern, collection))
    }

    /// Turns live changes into outcomes, one for each, in order. Blocks: call it where blocking is allowed, and never
    /// on an async worker.
    ///
    /// A batch that fails is halved with fresh instances until the change that it fails on is alone.
    #[must_use]
    pub fn index(&self, changes: &[Arc<Change>]) -> Vec<GuestOutcome> {
        let inputs: Vec<Result<Input<'_>, GuestOutcome>> =
            changes.iter().map(|c| self.input(c)).collect();
        let good: Vec<&Input<'_>> = inputs.iter().filter_map(|i| i.as_ref().ok()).collect();
        let mut outcomes =
            bisect(&good, |part| self.call_index(part), GuestOutcome::from).into_iter();
        inputs
            .iter()
            .map(|input| match input {
                // One outcome for each good input, which is what `bisect` gives.
                Ok(_) => outcomes.next().unwrap_or(GuestOutcome::Skip),
                Err(bad) => bad.clone(),
            })
            .collect()
    }

    /// Answers an XRPC request. Its reads are one snapshot of `generation`, opened by the first of them.
    ///
    /// # Errors
    /// The plugin's own XRPC error, or how it failed.
    pub async fn handle(
        &self,
        request: XrpcRequest,
        store: Arc<dyn Store>,
        generation: GenerationId,
    ) -> Result<XrpcResponse, HandleError> {
        let Guest::V0_1(v0_1::Guest {
            methods: Some(methods),
            ..
        }) = &self.guest
        else {
            return Err(HandleError::BadResponse(format!(
                "plugin {} exports no methods",
                self.name
            )));
        };
        // The semaphore is never closed.
        let _slot = self.engines.method_slots().acquire().await;
        let bounds = Bounds {
            time_ms: limits::METHOD_CALL_MS,
            memory_bytes: self.memory_bytes,
            yields: true,
        };
        let reads = Reads::new(Arc::clone(&self.manifest), store, generation);
        let mut sandbox = Sandbox::store(
            self.engines.engine(),
            &self.name,
            &self.settings,
            bounds,
            Some(reads),
        );
        let instance = match methods.start(&mut sandbox).await {
            Ok(instance) => instance,
            Err(error) => return Err(failure::of_error(&error, sandbox.data(), true).into()),
        };
        match v0_1::methods::Methods::call(&instance, &mut sandbox, request).await {
            Ok(answer) => {
                let _printed = sandbox.data().log().finish();
                answer
            }
            Err(error) => Err(failure::of_error(&error, sandbox.data(), false).into()),
        }
    }

    /// What the guest is given of a change, or why it is not asked.
    fn input<'a>(&self, change: &'a Arc<Change>) -> Result<Input<'a>, GuestOutcome> {
        match (self.manifest.body, change.json()) {
            (_, Ok(None)) => Err(GuestOutcome::Skip),
            (Body::None, _) => Ok(Input { change, body: None }),
            (Body::Json, Ok(body)) => Ok(Input { change, body }),
            (Body::Json, Err(says)) => Err(GuestOutcome::from_bad_record(says)),
        }
    }

    /// One call on a fresh instance.
    fn call_index(&self, inputs: &[&Input<'_>]) -> Result<Vec<GuestOutcome>, Failure> {
        let Guest::V0_1(v0_1::Guest {
            indexer: Some(indexer),
            ..
        }) = &self.guest
        else {
            return Err(Failure::new(
                FailureKind::Trap,
                format!("plugin {} exports no indexer", self.name),
            ));
        };
        let _slot = self.engines.index_slots().take();
        let bounds = Bounds {
            time_ms: limits::INDEX_CALL_MS + inputs.len() as u64,
            memory_bytes: self.memory_bytes,
            yields: false,
        };
        let mut sandbox = Sandbox::store(
            self.engines.engine(),
            &self.name,
            &self.settings,
            bounds,
            None,
        );
        let instance = indexer
            .start(&mut sandbox)
            .map_err(|e| failure::of_error(&e, sandbox.data(), true))?;
        let outcomes = v0_1::index::Indexer::call(&instance, &mut sandbox, inputs)
            .map_err(|e| failure::of_error(&e, sandbox.data(), false))?;
        let _printed = sandbox.data().log().finish();
        if outcomes.len() != inputs.len() {
            return Err(Failure::new(
                FailureKind::Trap,
                format!(
                    "expected {} outcomes, one for each change, got {}",
                    inputs.len(),
                    outcomes.len()
                ),
            ));
        }
        Ok(outcomes.into_iter().map(GuestOutcome::from).collect())
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("version", &self.manifest.version)
            .finish_non_exhaustive()
    }
}

/// One change as a guest is given it.
pub(super) struct Input<'a> {
    pub(super) change: &'a Change,
    /// Its JSON, shared by all plugins; `None` when the manifest wants none.
    pub(super) body: Option<Arc<str>>,
}

impl GuestOutcome {
    fn from_bad_record(mut detail: String) -> Self {
        detail.truncate(detail.floor_char_boundary(failure::DETAIL_BYTES_MAX));
        Self::Dead {
            reason: DeadReason::BadRecord,
            detail,
        }
    }
}

/// Refuses what could never start.
fn fits(component: &Component, memory_bytes: usize) -> Result<(), LoadError> {
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

/// Whether a manifest's pattern names a collection.
fn matches(pattern: &str, collection: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(prefix) => collection
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('.')),
        None => pattern == collection,
    }
}

fn row_digest(manifest: &Manifest, settings: &serde_json::Value) -> String {
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
    use super::*;

    #[test]
    fn patterns_end_at_a_dot() {
        assert!(matches("app.bsky.feed.post", "app.bsky.feed.post"));
        assert!(!matches("app.bsky.feed.post", "app.bsky.feed.postgate"));
        assert!(matches("app.bsky.*", "app.bsky.feed.post"));
        assert!(!matches("app.bsky.*", "app.bskyfeed.post"));
        assert!(!matches("app.bsky.*", "app.bsky"));
    }

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
