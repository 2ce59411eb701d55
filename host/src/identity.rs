//! Who a DID is: its keys, its repository's host and its handle, from the directory or the DID's own web site.
//!
//! Guarantees: one look-up at a time for each DID however many ask; a cache with bounds in bytes and age; while a
//! directory does not answer, what was known is served for a bounded time; a DID cannot make this host ask more often
//! than `limits.rs` says, whatever the stream says about it. A handle counts only when it and the document name each
//! other. Stores nothing durable, and does not check signatures.

mod cache;
mod documents;
mod error;
mod flights;
mod handles;

use std::collections::HashMap;
use std::sync::Arc;

pub use error::IdentityError;

use crate::atproto::did_document::NoKey;
use crate::atproto::{Did, DidDocument, Handle, PublicKey};
use crate::clock::Clock;
use crate::net;
use cache::{Cache, Entry};
use documents::Documents;
use flights::Flights;
use handles::Handles;

/// What is known of a DID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(DidDocument);

impl Identity {
    /// Whose.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.0.did
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &DidDocument {
        &self.0
    }

    /// The key that signs commits.
    ///
    /// # Errors
    /// Why the document gives none.
    pub fn signing_key(&self) -> Result<&PublicKey, &NoKey> {
        self.0.signing_key.as_ref()
    }

    /// The key that signs labels.
    ///
    /// # Errors
    /// Why the document gives none.
    pub fn label_key(&self) -> Result<&PublicKey, &NoKey> {
        self.0.label_key.as_ref()
    }

    /// Where the repository is: scheme and authority.
    #[must_use]
    pub fn pds(&self) -> Option<&str> {
        self.0.pds.as_deref()
    }

    /// The handle that the document claims; [`Identities::verified_handle`] says whether it points back.
    #[must_use]
    pub fn claimed_handle(&self) -> Option<&Handle> {
        self.0.handle.as_ref()
    }
}

impl From<DidDocument> for Identity {
    fn from(document: DidDocument) -> Self {
        Self(document)
    }
}

/// An identity that somebody wanted afresh.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// What is known now.
    pub identity: Arc<Identity>,
    /// Whether it was looked up for this; if not, it was looked up moments ago, or the directory does not answer.
    pub is_fresh: bool,
}

/// Where identities come from.
#[derive(Clone)]
pub struct IdentityOptions {
    /// The directory of `did:plc`, scheme and authority.
    pub plc: String,
    /// For what is cached how long.
    pub clock: Clock,
    /// The server that is asked about handles below `.test`, scheme and authority; without one they are refused.
    pub test_handles_via: Option<String>,
}

/// All identities. Share it by `Arc`.
pub struct Identities {
    /// Given at the start; these are never looked up.
    fixed: HashMap<Did, Arc<Identity>>,
    network: Option<Network>,
}

struct Network {
    documents: Documents,
    cache: Cache,
    flights: Flights<Did, Entry>,
    handles: Handles,
    clock: Clock,
}

impl Identities {
    /// Identities of the network.
    #[must_use]
    pub fn new(client: net::Client, options: IdentityOptions) -> Self {
        Self {
            fixed: HashMap::new(),
            network: Some(Network {
                documents: Documents::new(client.clone(), options.plc),
                cache: Cache::new(),
                flights: Flights::new(),
                handles: Handles::new(client, options.test_handles_via, options.clock.clone()),
                clock: options.clock,
            }),
        }
    }

    /// Exactly these, without a network: any other DID is [`IdentityError::NotFound`].
    #[must_use]
    pub fn fixed(documents: impl IntoIterator<Item = DidDocument>) -> Self {
        let identities = documents
            .into_iter()
            .map(|d| (d.did.clone(), Arc::new(d.into())));
        Self {
            fixed: identities.collect(),
            network: None,
        }
    }

    /// What is known and fresh, at once; for the path that every commit takes.
    #[must_use]
    pub fn cached(&self, did: &Did) -> Option<Arc<Identity>> {
        if let Some(identity) = self.fixed.get(did) {
            return Some(Arc::clone(identity));
        }
        let network = self.network.as_ref()?;
        let entry = network.cache.get(did)?;
        entry.fresh(network.now_ms())
    }

    /// What is known, looked up if need be.
    ///
    /// # Errors
    /// When there is no such identity, its document is unusable, or its directory does not answer and nothing recent
    /// enough is known.
    pub async fn get(&self, did: &Did) -> Result<Arc<Identity>, IdentityError> {
        if let Some(identity) = self.fixed.get(did) {
            return Ok(Arc::clone(identity));
        }
        let network = self.network(did)?;
        let now_ms = network.now_ms();
        match network.cache.get(did).filter(|entry| entry.holds(now_ms)) {
            Some(entry) => entry.outcome(),
            None => network.look_up(did).await.outcome(),
        }
    }

    /// Looks up afresh, as after a signature that did not fit, but at most once for each DID in
    /// [`crate::limits::IDENTITY_REFRESH_MS`].
    ///
    /// # Errors
    /// As [`Identities::get`].
    pub async fn refresh(&self, did: &Did) -> Result<Refreshed, IdentityError> {
        if let Some(identity) = self.fixed.get(did) {
            let identity = Arc::clone(identity);
            return Ok(Refreshed {
                identity,
                is_fresh: false,
            });
        }
        let network = self.network(did)?;
        let now_ms = network.now_ms();
        let recent = network.cache.get(did).filter(|e| e.is_recent(now_ms));
        let (entry, asked) = match recent {
            Some(entry) => (entry, false),
            None => (network.look_up(did).await, true),
        };
        Ok(Refreshed {
            identity: entry.outcome()?,
            is_fresh: asked && !entry.is_stale(),
        })
    }

    /// Whether an identity was given at the start: looking it up says nothing new.
    #[must_use]
    pub fn is_fixed(&self, did: &Did) -> bool {
        self.network.is_none() || self.fixed.contains_key(did)
    }

    /// Forgets, so that the next question looks up: for `#identity` events, of which any number may come.
    pub fn purge(&self, did: &Did) {
        if let Some(network) = &self.network {
            network.flights.forget(did, || network.cache.purge(did));
        }
    }

    /// The DID that a handle names. Whether the DID claims the handle is [`Identities::verified_handle`]'s question.
    ///
    /// # Errors
    /// When the handle is reserved or names no DID, or DNS and its web site do not answer.
    pub async fn resolve_handle(&self, handle: &Handle) -> Result<Did, IdentityError> {
        match &self.network {
            Some(network) => network.handles.resolve(handle).await,
            None => {
                let claims = |i: &&Arc<Identity>| i.claimed_handle() == Some(handle);
                let found = self.fixed.values().find(claims).map(|i| i.did().clone());
                found.ok_or_else(|| IdentityError::NoSuchHandle(handle.clone()))
            }
        }
    }

    /// The DID that a handle names, if the DID claims the handle.
    ///
    /// # Errors
    /// As [`Identities::resolve_handle`] and [`Identities::get`]; a handle that is not claimed is
    /// [`IdentityError::NoSuchHandle`].
    pub async fn did_of(&self, handle: &Handle) -> Result<Did, IdentityError> {
        let did = self.resolve_handle(handle).await?;
        let identity = self.get(&did).await?;
        if identity.claimed_handle() == Some(handle) {
            Ok(did)
        } else {
            Err(IdentityError::NoSuchHandle(handle.clone()))
        }
    }

    /// The handle that a DID claims, if the handle names the DID; none stands for `handle.invalid`.
    pub async fn verified_handle(&self, did: &Did) -> Option<Handle> {
        let identity = self.get(did).await.ok()?;
        let claimed = identity.claimed_handle()?;
        let named = self.resolve_handle(claimed).await.ok()?;
        (named == *did).then(|| claimed.clone())
    }

    fn network(&self, did: &Did) -> Result<&Network, IdentityError> {
        let none = || IdentityError::NotFound(did.clone());
        self.network.as_ref().ok_or_else(none)
    }
}

impl Network {
    fn now_ms(&self) -> i64 {
        self.clock.now_us() / 1_000
    }

    /// Asks the directory, once however many wait, and keeps what it said.
    async fn look_up(&self, did: &Did) -> Entry {
        let ask = async {
            let before = self.cache.get(did);
            let said = self.documents.fetch(did).await;
            let said = said.map(|document| Arc::new(Identity(document)));
            Entry::of(said, before, self.now_ms())
        };
        let keep = |entry: &Entry| self.cache.put(did, entry.clone());
        self.flights.join(did, ask, keep).await
    }
}
