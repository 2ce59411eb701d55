//! Which repositories are followed: those with archived records, or a backfill.
//!
//! Guarantees: one that is followed is always said to be. One that is not may rarely be said to be: the store knows.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock};

use crate::atproto::Did;
use crate::limits;
use crate::store::{Store, StoreError};

/// A set of hashes, 8 bytes for each repository.
pub struct Followed {
    hasher: RandomState,
    hashes: RwLock<HashSet<u64>>,
}

impl Followed {
    /// Reads what the store follows.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let hasher = RandomState::new();
        let mut hashes = HashSet::new();
        let mut after = 0;
        loop {
            let page = store.followed(after, limits::FOLLOWED_PAGE_ROWS).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            hashes.extend(page.iter().map(|(_, did)| hasher.hash_one(did.as_str())));
        }
        Ok(Self {
            hasher,
            hashes: RwLock::new(hashes),
        })
    }

    /// Whether a repository is followed.
    pub(super) fn has(&self, did: &Did) -> bool {
        let hash = self.hasher.hash_one(did.as_str());
        self.hashes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&hash)
    }

    /// Whether none is.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// From now on it is.
    pub(super) fn add(&self, did: &Did) {
        let hash = self.hasher.hash_one(did.as_str());
        if !self.has(did) {
            self.hashes
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(hash);
        }
    }
}
