//! Messages that wait until their account's key is known.
//!
//! They keep their share of the lanes' bound on bytes, so a directory that is down fills the lanes and then stops the
//! socket read. The cursor stays before the first of them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::atproto::Did;
use crate::entry::Source;
use crate::ingest::lanes::Origin;

/// One message.
pub(super) struct Held {
    pub(super) message: Bytes,
    pub(super) origin: Origin,
    /// Given back when the message is dropped.
    pub(super) _room: OwnedSemaphorePermit,
}

/// One account's messages, in order.
pub(super) struct HeldAccount {
    pub(super) messages: VecDeque<Held>,
    /// When the first of them came.
    pub(super) since: Instant,
}

/// All that a lane holds.
#[derive(Default)]
pub(super) struct HeldMessages {
    by_did: HashMap<Did, HeldAccount>,
    /// How many are held at each seq of each source.
    seqs: HashMap<Source, BTreeMap<i64, usize>>,
}

impl HeldMessages {
    pub(super) fn has(&self, did: &Did) -> bool {
        self.by_did.contains_key(did)
    }

    /// Holds a message behind those of its account.
    pub(super) fn push(&mut self, did: &Did, held: Held) {
        self.count(&held.origin, true);
        let account = self
            .by_did
            .entry(did.clone())
            .or_insert_with(|| HeldAccount {
                messages: VecDeque::new(),
                since: Instant::now(),
            });
        account.messages.push_back(held);
    }

    /// Takes an account's messages out; what still waits is put back by [`Self::put_back`].
    pub(super) fn take(&mut self, did: &Did) -> Option<HeldAccount> {
        let account = self.by_did.remove(did)?;
        for held in &account.messages {
            self.count(&held.origin, false);
        }
        Some(account)
    }

    /// Puts an account back as it was.
    pub(super) fn put_back(&mut self, did: &Did, account: HeldAccount) {
        for held in &account.messages {
            self.count(&held.origin, true);
        }
        self.by_did.insert(did.clone(), account);
    }

    /// The lowest seq of a source that is held.
    pub(super) fn lowest(&self, source: &Source) -> Option<i64> {
        let seqs = self.seqs.get(source)?;
        seqs.first_key_value().map(|(seq, _)| *seq)
    }

    fn count(&mut self, origin: &Origin, up: bool) {
        let seqs = self.seqs.entry(origin.source.clone()).or_default();
        let n = seqs.entry(origin.seq).or_default();
        *n = if up { *n + 1 } else { n.saturating_sub(1) };
        if *n == 0 {
            seqs.remove(&origin.seq);
        }
    }
}
