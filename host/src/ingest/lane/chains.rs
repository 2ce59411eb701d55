//! Where the chains of a lane's accounts stand, what is still in the queue included.
//!
//! The store owns the chains, but learns of a commit only when the host consumer commits it. So a lane remembers what
//! it handed on, at least until that is durable, and asks the store about the rest.

use std::collections::HashMap;

use crate::atproto::{Cid, Did, Tid};
use crate::entry::Commit;
use crate::limits;
use crate::store::{RepoState, RepoStatus};

/// Where one repository's chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// None before its first snapshot.
    pub(super) rev: Option<Tid>,
    /// None where it was never proven.
    pub(super) data: Option<Cid>,
    /// Whether commits are handed on, or wait for a snapshot.
    pub(super) is_broken: bool,
    /// Whether the account is active.
    pub(super) active: bool,
}

impl Chain {
    /// What the store says, for an account that nothing is in flight of.
    pub(super) fn stored(state: &RepoState) -> Self {
        Self {
            rev: state.rev,
            data: state.data,
            is_broken: state.status != RepoStatus::Synchronized,
            active: state.active,
        }
    }

    /// A repository that was never met.
    pub(super) fn unknown() -> Self {
        Self {
            rev: None,
            data: None,
            is_broken: false,
            active: true,
        }
    }

    /// The same chain, with a hole.
    pub(super) fn broken(self) -> Self {
        Self {
            is_broken: true,
            ..self
        }
    }

    /// The chain after a commit.
    pub(super) fn after(self, commit: &Commit) -> Self {
        Self {
            rev: Some(commit.rev),
            data: commit.data,
            ..self
        }
    }

    /// Whether a commit is the next one: it names the revision and the tree that this chain stands at.
    pub(super) fn leads_to(&self, since: Option<Tid>, prev_data: Option<Cid>) -> bool {
        match self.rev {
            None => true,
            Some(rev) => {
                let tree_fits = self.data.is_none_or(|data| prev_data == Some(data));
                since == Some(rev) && tree_fits
            }
        }
    }
}

struct Remembered {
    chain: Chain,
    /// The flush before which this was touched last.
    touched: u64,
}

/// What a lane remembers.
#[derive(Default)]
pub(super) struct Chains {
    by_did: HashMap<Did, Remembered>,
    /// The last flush that went through.
    flush: u64,
}

impl Chains {
    pub(super) fn get(&self, did: &Did) -> Option<Chain> {
        self.by_did.get(did).map(|r| r.chain)
    }

    pub(super) fn put(&mut self, did: &Did, chain: Chain) {
        let touched = self.flush + 1;
        let remembered = Remembered { chain, touched };
        match self.by_did.get_mut(did) {
            Some(old) => *old = remembered,
            None => drop(self.by_did.insert(did.clone(), remembered)),
        }
    }

    pub(super) fn forget(&mut self, did: &Did) {
        self.by_did.remove(did);
    }

    /// Notes a flush; forgets what is durable when there is too much.
    pub(super) fn flushed(&mut self, number: u64, durable: u64) {
        self.flush = self.flush.max(number);
        if self.by_did.len() > limits::LANE_CHAINS_MAX {
            self.by_did.retain(|_, r| r.touched > durable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn did(n: usize) -> Did {
        Did::parse(&format!("did:web:host{n}.example")).unwrap()
    }

    #[test]
    fn only_what_is_durable_is_forgotten() {
        let mut chains = Chains::default();
        for n in 0..=limits::LANE_CHAINS_MAX {
            chains.put(&did(n), Chain::unknown());
        }
        chains.flushed(1, 0);
        assert!(chains.get(&did(0)).is_some());
        chains.put(&did(0), Chain::unknown());
        chains.flushed(2, 1);
        assert!(chains.get(&did(0)).is_some() && chains.get(&did(1)).is_none());
    }

    #[test]
    fn a_commit_follows_when_rev_and_tree_fit() {
        let rev = Tid::parse("3jzfcijpj2z2a").unwrap();
        let other = Tid::parse("3jzfcijpj2z2b").unwrap();
        let (data, moved) = (Cid::of_dag_cbor(b"\xa0"), Cid::of_dag_cbor(b"\xa1"));
        let chain = Chain {
            rev: Some(rev),
            data: Some(data),
            ..Chain::unknown()
        };
        assert!(chain.leads_to(Some(rev), Some(data)));
        assert!(!chain.leads_to(Some(other), Some(data)));
        assert!(!chain.leads_to(Some(rev), Some(moved)) && !chain.leads_to(None, None));
        assert!(
            Chain {
                data: None,
                ..chain
            }
            .leads_to(Some(rev), Some(moved))
        );
        assert!(Chain::unknown().leads_to(Some(other), None));
    }
}
