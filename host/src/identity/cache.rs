//! What is known of DIDs, with its age: bounded in bytes, the least recently asked for goes first.

use std::sync::Arc;

use moka::policy::EvictionPolicy;
use moka::sync::Cache as Moka;

use super::{Identity, IdentityError};
use crate::atproto::Did;
use crate::fault::{Class, Classify};
use crate::limits;

/// One answer, and until when it holds.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    outcome: Result<Arc<Identity>, IdentityError>,
    /// When the directory gave the identity (ms since 1970).
    given_ms: i64,
    /// When the directory was last asked (ms since 1970).
    asked_ms: i64,
    /// Until when nobody asks again (ms since 1970).
    holds_until_ms: i64,
    /// It may have changed since.
    is_purged: bool,
}

impl Entry {
    /// What a look-up leads to, given what was known before it.
    pub(super) fn of(
        said: Result<Arc<Identity>, IdentityError>,
        before: Option<Self>,
        now_ms: i64,
    ) -> Self {
        let new = |outcome, holds_ms| Self {
            outcome,
            given_ms: now_ms,
            asked_ms: now_ms,
            holds_until_ms: now_ms + holds_ms,
            is_purged: false,
        };
        let error = match said {
            Ok(identity) => return new(Ok(identity), limits::IDENTITY_FRESH_MS),
            Err(error) => error,
        };
        if error.class() == Class::Reject {
            return new(Err(error), limits::IDENTITY_NEGATIVE_MS);
        }
        let asked_to_wait = error
            .retry_after()
            .and_then(|wait| i64::try_from(wait.as_millis()).ok());
        let holds_ms = limits::IDENTITY_TROUBLE_MS.max(asked_to_wait.unwrap_or(0));
        match before.filter(|entry| entry.may_be_served_stale(now_ms)) {
            Some(known) => {
                tracing::debug!(%error, "identity.stale: the directory does not answer; what was known is served");
                Self {
                    asked_ms: now_ms,
                    holds_until_ms: now_ms + holds_ms,
                    ..known
                }
            }
            None => new(Err(error), holds_ms),
        }
    }

    /// What may have changed is not served for the time that a directory is away: the key may have been given up.
    fn may_be_served_stale(&self, now_ms: i64) -> bool {
        self.outcome.is_ok()
            && !self.is_purged
            && now_ms - self.given_ms < limits::IDENTITY_STALE_MS
    }

    /// Whether nobody has to ask again yet.
    pub(super) fn holds(&self, now_ms: i64) -> bool {
        now_ms < self.holds_until_ms
    }

    /// Whether somebody asked too short a time ago to ask again.
    pub(super) fn is_recent(&self, now_ms: i64) -> bool {
        now_ms - self.asked_ms < limits::IDENTITY_REFRESH_MS
    }

    /// Whether the directory did not answer when it was last asked.
    pub(super) fn is_stale(&self) -> bool {
        self.asked_ms != self.given_ms
    }

    pub(super) fn outcome(&self) -> Result<Arc<Identity>, IdentityError> {
        self.outcome.clone()
    }

    /// The identity, unless something speaks for asking again.
    pub(super) fn fresh(&self, now_ms: i64) -> Option<Arc<Identity>> {
        let usable = self.holds(now_ms) && !self.is_purged;
        self.outcome.as_ref().ok().filter(|_| usable).cloned()
    }

    fn bytes(&self) -> u32 {
        /// An entry without its document: the key as parsed, the DID twice, the cache's own.
        const FIXED_BYTES: usize = 700;
        let document = self.outcome.as_ref().map_or(0, |i| i.document().json.len());
        u32::try_from(FIXED_BYTES + document).unwrap_or(u32::MAX)
    }
}

/// All entries.
pub(super) struct Cache(Moka<Did, Entry>);

impl Cache {
    pub(super) fn new() -> Self {
        let entries = Moka::builder()
            .max_capacity(limits::IDENTITY_CACHE_BYTES_MAX)
            .weigher(|_: &Did, entry: &Entry| entry.bytes())
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self(entries)
    }

    pub(super) fn get(&self, did: &Did) -> Option<Entry> {
        self.0.get(did)
    }

    pub(super) fn put(&self, did: &Did, entry: Entry) {
        self.0.insert(did.clone(), entry);
    }

    /// The next question is a look-up, except within a moment of the last one.
    pub(super) fn purge(&self, did: &Did) {
        if let Some(entry) = self.0.get(did) {
            let soon_ms = entry.asked_ms + limits::IDENTITY_PURGE_MS;
            let purged = Entry {
                holds_until_ms: entry.holds_until_ms.min(soon_ms),
                is_purged: true,
                ..entry
            };
            self.put(did, purged);
        }
    }
}
