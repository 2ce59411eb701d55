//! One loaded version of a plugin: checked, compiled, linked, and called, each call in a fresh sandbox.
//!
//! Guarantees: `index` answers for every change it is given, in order, whatever the guest does; `handle` answers or says
//! which kind of failure it was. Does not check rows against the manifest: [`super::check_rows`] does.

use std::sync::Arc;

use aviary_manifest::{Body, Manifest};

use super::bisect::bisect;
use super::compiled::hex;
use super::component::{self, Api, Checked};
use super::engine::Engines;
use super::failure::{self, Failure, FailureKind};
use super::host_calls::Reads;
use super::load::{self, LoadError, PluginOptions};
use super::outcome::GuestOutcome;
use super::sandbox::{Bounds, Sandbox};
use super::v0_1;
use super::xrpc::{HandleError, XrpcRequest, XrpcResponse};
use crate::limits;
use crate::store::{Change, GenerationId, Store};

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
        load::fits(&component, options.memory_bytes)?;
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
            row_digest: load::row_digest(&manifest, &settings),
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

/// Whether a manifest's pattern names a collection.
fn matches(pattern: &str, collection: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(prefix) => collection
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('.')),
        None => pattern == collection,
    }
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
}
