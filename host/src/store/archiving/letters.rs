//! The host's own dead letters: operations that were wanted and could not be used.

use std::collections::HashSet;

use super::records::Accepted;
use super::sql::ArchiveSql;
use crate::atproto::Did;
use crate::entry::{Commit, Desync, RejectedOp};
use crate::store::error::StoreError;
use crate::store::feed::Pos;
use crate::store::rows::{cut_detail, without_nul};

/// One dead letter of the host, of [`crate::store::DeadReason::BadOp`].
pub(in crate::store) struct Letter {
    pub(in crate::store) subject: String,
    pub(in crate::store) pos: Pos,
    pub(in crate::store) detail: String,
}

impl Letter {
    fn new(did: &Did, op: &RejectedOp, pos: Pos) -> Self {
        Self {
            subject: without_nul(format!("at://{did}/{}", op.path)),
            pos,
            detail: cut_detail(op.reason.clone()),
        }
    }
}

/// The letters of a unit.
#[derive(Default)]
pub(super) struct Letters {
    rejected: Vec<Letter>,
    lost: Vec<Letter>,
    /// Addresses whose records came after all.
    mended: Vec<String>,
}

impl Letters {
    /// What could not be read of a commit that is new, or of a snapshot, which may say it again.
    pub(super) fn rejected(&mut self, entry: &Accepted<'_>) {
        let letters = entry.rejected.iter();
        let letters = letters.map(|op| Letter::new(entry.did, op, entry.pos));
        if entry.is_commit {
            self.rejected.extend(letters);
        } else {
            self.lost.extend(letters);
        }
    }

    /// The first commit of a repository that is taken: what an unsound form of it was said to lose is not lost.
    pub(super) fn mended(&mut self, commit: &Commit) {
        let ops = commit.ops.iter();
        self.mended
            .extend(ops.map(|op| format!("at://{}/{}/{}", commit.did, op.collection, op.rkey)));
    }

    /// What is lost with a hole that no resync fills. It has no place in the feed: pos 0.
    pub(super) fn lost(&mut self, event: &Desync) {
        let letters = event.lost.iter();
        self.lost
            .extend(letters.map(|op| Letter::new(&event.did, op, 0)));
    }

    /// Writes them at `now_us` and says how many were new. A commit's are new because the commit is; of a hole's,
    /// which may be replayed, and of a snapshot, those are not that say the same of the same subject.
    pub(super) async fn save<S: ArchiveSql>(
        self,
        sql: &mut S,
        now_us: i64,
    ) -> Result<u64, StoreError> {
        let mut seen = HashSet::new();
        let lost: Vec<&Letter> = self
            .lost
            .iter()
            .filter(|l| seen.insert((&l.subject, &l.detail)))
            .collect();
        let rejected: Vec<&Letter> = self.rejected.iter().collect();
        let mut all = 0;
        if !rejected.is_empty() {
            all += sql.write_letters(&rejected, false, now_us).await?;
        }
        if !lost.is_empty() {
            all += sql.write_letters(&lost, true, now_us).await?;
        }
        if !self.mended.is_empty() {
            sql.remove_letters(&self.mended).await?;
        }
        Ok(all)
    }
}
