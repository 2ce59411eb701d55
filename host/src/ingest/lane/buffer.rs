//! Proven commits of repositories that are being fetched: they go on after the snapshot, by their chain.
//!
//! Bounded by repository and in all. What does not fit is let go, and the repository is fetched once more: nothing
//! here holds the cursor, for a crash means the same.

use std::collections::{HashMap, VecDeque};

use crate::atproto::{Cid, Did};
use crate::entry::{Commit, Entry};
use crate::limits;

/// A commit that waits, with the tree that it follows.
pub(super) struct Waiting {
    pub(super) commit: Commit,
    pub(super) prev_data: Option<Cid>,
}

/// One repository's commits.
#[derive(Default)]
pub(super) struct Waited {
    pub(super) commits: VecDeque<Waiting>,
    /// Some did not fit.
    pub(super) overflowed: bool,
    bytes: usize,
}

/// What a lane keeps.
#[derive(Default)]
pub(super) struct Buffer {
    by_did: HashMap<Did, Waited>,
    commits: usize,
    bytes: usize,
}

impl Buffer {
    /// Keeps a commit, or notes that it did not fit.
    pub(super) fn push(&mut self, commit: Commit, prev_data: Option<Cid>) {
        let entry = Entry::Commit(commit);
        let bytes = entry.size_bytes();
        let Entry::Commit(commit) = entry else { return };
        let waited = self.by_did.entry(commit.did.clone()).or_default();
        let full = waited.commits.len() >= limits::RESYNC_BUFFER_REPO_COMMITS_MAX
            || self.commits >= limits::RESYNC_BUFFER_COMMITS_MAX
            || self.bytes + bytes > limits::RESYNC_BUFFER_BYTES_MAX;
        // After one that did not fit, none can follow by its chain.
        if full || waited.overflowed {
            waited.overflowed = true;
            return;
        }
        self.commits += 1;
        self.bytes += bytes;
        waited.bytes += bytes;
        waited.commits.push_back(Waiting { commit, prev_data });
    }

    /// Takes what waits for a repository.
    pub(super) fn take(&mut self, did: &Did) -> Waited {
        let waited = self.by_did.remove(did).unwrap_or_default();
        self.commits -= waited.commits.len();
        self.bytes -= waited.bytes;
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atproto::Tid;
    use crate::entry::{Source, Trust};

    fn commit(did: &Did) -> Commit {
        Commit {
            did: did.clone(),
            rev: Tid::parse("3jzfcijpj2z2a").unwrap(),
            since: None,
            data: None,
            trust: Trust::Verified,
            source: Source("test".into()),
            seq: 1,
            ops: Vec::new(),
            rejected: Vec::new(),
        }
    }

    #[test]
    fn a_repository_overflows_alone_and_gives_its_room_back() {
        let mut buffer = Buffer::default();
        let (hot, calm) = (
            Did::parse("did:web:a.example").unwrap(),
            Did::parse("did:web:b.example").unwrap(),
        );
        for _ in 0..=limits::RESYNC_BUFFER_REPO_COMMITS_MAX {
            buffer.push(commit(&hot), None);
        }
        buffer.push(commit(&calm), None);
        let waited = buffer.take(&hot);
        assert!(
            waited.overflowed && waited.commits.len() == limits::RESYNC_BUFFER_REPO_COMMITS_MAX
        );
        assert!(!buffer.take(&calm).overflowed);
        assert_eq!((buffer.commits, buffer.bytes), (0, 0));
    }
}
