//! What a unit's commits come to, decided in memory: which are new, what their pos is, which records they touch.

use std::collections::HashMap;

use super::ArchiveState;
use crate::atproto::{Cid, Did, Nsid, RecordKey, Tid};
use crate::entry::{Commit, Entry, Op, Partition};
use crate::store::{ArchiveUnit, Pos};

/// The commits of one unit, ready to be written.
#[derive(Default)]
pub(super) struct Plan<'u> {
    /// Every operation of every new commit, in order.
    pub(super) steps: Vec<Step<'u>>,
    /// Repositories that moved: account id to where they are.
    pub(super) repos: HashMap<i64, RepoMove>,
    /// Operations that ingest had to reject, of new commits.
    pub(super) rejected: Vec<Rejected<'u>>,
    /// Partitions that moved.
    pub(super) heads: Vec<(Partition, Pos)>,
    /// New commits.
    pub(super) commits: u64,
    /// Commits that were known.
    pub(super) replayed: u64,
    /// Operations of new commits.
    pub(super) ops: u64,
}

/// One operation at its pos.
pub(super) struct Step<'u> {
    pub(super) partition: Partition,
    pub(super) pos: Pos,
    pub(super) did_id: i64,
    pub(super) did: &'u Did,
    pub(super) commit: &'u Commit,
    pub(super) op: &'u Op,
}

impl<'u> Step<'u> {
    pub(super) fn collection(&self) -> &'u Nsid {
        &self.op.collection
    }

    pub(super) fn rkey(&self) -> &'u RecordKey {
        &self.op.rkey
    }
}

/// Where a repository is after this unit.
pub(super) struct RepoMove {
    pub(super) partition: Partition,
    pub(super) rev: Tid,
    pub(super) data: Option<Cid>,
}

/// An operation that becomes a host dead letter.
pub(super) struct Rejected<'u> {
    pub(super) pos: Pos,
    pub(super) did: &'u Did,
    pub(super) path: &'u str,
    pub(super) reason: &'u str,
}

/// Decides every commit of a unit. Moves the heads and revs in `state` along.
pub(super) fn of_commits<'u>(
    state: &mut ArchiveState,
    unit: &'u ArchiveUnit,
    did_ids: &HashMap<Did, i64>,
) -> Plan<'u> {
    let mut plan = Plan::default();
    let before = state.heads.clone();
    for (partition, entry) in unit.entries.iter() {
        if let Entry::Commit(commit) = entry {
            take(&mut plan, state, *partition, commit, did_ids[&commit.did]);
        }
    }
    plan.heads = (0..)
        .zip(state.heads.iter().zip(&before))
        .filter(|(_, (now, before))| now != before)
        .map(|(partition, (now, _))| (partition, *now))
        .collect();
    plan
}

fn take<'u>(
    plan: &mut Plan<'u>,
    state: &mut ArchiveState,
    partition: Partition,
    commit: &'u Commit,
    did_id: i64,
) {
    let known = state.revs.get(&did_id).copied().flatten();
    if known.is_some_and(|rev| commit.rev <= rev) {
        plan.replayed += 1;
        return;
    }
    plan.commits += 1;
    let empty = commit.ops.is_empty() && commit.rejected.is_empty();
    if empty && known.is_none() {
        // Nothing of this repository is archived: it has no state.
        return;
    }
    state.revs.put(did_id, Some(commit.rev));
    let moved = RepoMove {
        partition,
        rev: commit.rev,
        data: commit.data,
    };
    plan.repos.insert(did_id, moved);
    if empty {
        return;
    }
    let Some(head) = state.heads.get_mut(usize::from(partition)) else {
        return;
    };
    *head += 1;
    let pos = *head;
    plan.ops += commit.ops.len() as u64;
    plan.steps.extend(commit.ops.iter().map(|op| Step {
        partition,
        pos,
        did_id,
        did: &commit.did,
        commit,
        op,
    }));
    plan.rejected
        .extend(commit.rejected.iter().map(|r| Rejected {
            pos,
            did: &commit.did,
            path: &r.path,
            reason: &r.reason,
        }));
}
