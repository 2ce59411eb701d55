//! Accounts that come back: what they did while they were away is in no stream, so their repositories are fetched.
//!
//! Guarantees: an account counts as away by the last word that was handed on, also when the archive does not have it
//! yet; memory is bounded. Fetches nothing: it says when to.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use tokio_util::sync::CancellationToken;

use crate::atproto::Did;
use crate::ingest::Broken;
use crate::limits;
use crate::store::{RepoStatus, Store, StoreError, retry};

/// What is known of accounts that went away. Clones share it.
#[derive(Clone)]
pub struct Returns(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    broken: Arc<Broken>,
    /// The last words that were handed on, more than the queue can hold: whether the account was active.
    told: Mutex<LruCache<Did, bool>>,
}

/// What an account's return asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Return {
    /// Nothing: it was not away, or nobody follows it.
    None,
    /// It is to be fetched anyway; now is the time.
    Hurry,
    /// It is to be fetched.
    Fetch,
}

impl Returns {
    /// Accounts of this store, whose resync is told by `broken`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, broken: Arc<Broken>) -> Self {
        let most = NonZeroUsize::new(limits::TOLD_ACCOUNTS_MAX).unwrap_or(NonZeroUsize::MIN);
        let told = Mutex::new(LruCache::new(most));
        Self(Arc::new(Shared {
            store,
            broken,
            told,
        }))
    }

    /// Notes what an `#account` event says, before it is handed on, and gives what it asks for.
    ///
    /// # Errors
    /// When the store fails for good.
    pub(super) async fn told(&self, did: &Did, active: bool) -> Result<Return, StoreError> {
        let before = self
            .0
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(did.clone(), active);
        if !active {
            return Ok(Return::None);
        }
        let (store, asked) = (&self.0.store, [did.clone()]);
        let never = CancellationToken::new();
        let states = retry::until_done("account", &never, || store.repo_states(&asked)).await?;
        let Some(state) = states.into_iter().next().flatten() else {
            return Ok(Return::None);
        };
        let was_away = !before.unwrap_or(state.active);
        Ok(if was_away {
            Return::Fetch
        } else if state.status == RepoStatus::Synchronized {
            Return::None
        } else {
            Return::Hurry
        })
    }

    /// Has the resync look, and forget how often it tried in vain.
    pub(super) fn hurry(&self, did: &Did) {
        self.0.broken.returned(did);
        self.0.broken.marked();
    }
}
