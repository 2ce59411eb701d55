//! Records follow the latest revision: one row for each address, set by the last operation that changed it.

use bytes::Bytes;

use super::RecordAt;
use super::slots::Write;
use crate::atproto::{AtUri, Cid, Did, Tid};
use crate::entry::{Action, Commit, Op, Partition, Records, RejectedOp, Trust};
use crate::store::feed::{Change, ChangeState, Pos};

/// An entry whose operations are judged record by record.
pub(super) struct Accepted<'a> {
    pub(super) partition: Partition,
    pub(super) did_id: i64,
    pub(super) did: &'a Did,
    pub(super) rev: Tid,
    pub(super) trust: Trust,
    pub(super) ops: &'a [Op],
    pub(super) rejected: &'a [RejectedOp],
    /// A commit has a place in the feed whatever it changes.
    pub(super) is_commit: bool,
    /// Whether a delete leaves a tombstone also of what the archive never held: something older may still come.
    pub(super) remembers_deletes: bool,
    /// Its place in the feed; 0 while it has none.
    pub(super) pos: Pos,
}

impl<'a> Accepted<'a> {
    pub(super) fn commit(
        partition: Partition,
        did_id: i64,
        commit: &'a Commit,
        awaits_snapshot: bool,
    ) -> Self {
        Self {
            partition,
            did_id,
            did: &commit.did,
            rev: commit.rev,
            trust: commit.trust,
            ops: &commit.ops,
            rejected: &commit.rejected,
            is_commit: true,
            remembers_deletes: awaits_snapshot,
            pos: 0,
        }
    }

    /// A stream without commits says nothing about what it left out before, so its deletes are always remembered.
    pub(super) fn records(partition: Partition, did_id: i64, records: &'a Records) -> Self {
        Self {
            partition,
            did_id,
            did: &records.did,
            rev: records.rev,
            trust: records.trust,
            ops: &records.ops,
            rejected: &records.rejected,
            is_commit: false,
            remembers_deletes: records.trust == Trust::UnverifiedStream,
            pos: 0,
        }
    }
}

/// A record's new state in the archive.
pub(in crate::store) struct NewState<'a> {
    /// Its row, when it has one.
    pub(in crate::store) id: Option<i64>,
    pub(in crate::store) at: RecordAt,
    pub(in crate::store) seen_us: i64,
    entry: &'a Accepted<'a>,
    op: &'a Op,
}

/// What the accepted entries leave of each record, in pos order.
pub(super) fn states<'a>(
    accepted: &'a [Accepted<'a>],
    writes: Vec<Write>,
    now_us: i64,
) -> Vec<NewState<'a>> {
    let mut states = Vec::with_capacity(writes.len());
    for write in writes {
        let (entry_at, op_at) = write.op;
        let Some(entry) = accepted.get(entry_at) else {
            continue;
        };
        let Some(op) = entry.ops.get(op_at) else {
            continue;
        };
        let is_put = matches!(op.action, Action::Put { .. });
        if write.id.is_none() && !is_put && !write.remembered {
            // Never seen: there is nothing to take back.
            continue;
        }
        states.push(NewState {
            id: write.id,
            at: write.at,
            seen_us: write.seen_us.unwrap_or(now_us),
            entry,
            op,
        });
    }
    states
}

impl NewState<'_> {
    pub(in crate::store) fn partition(&self) -> Partition {
        self.entry.partition
    }

    pub(in crate::store) fn pos(&self) -> Pos {
        self.entry.pos
    }

    pub(in crate::store) fn rev(&self) -> &str {
        self.entry.rev.as_str()
    }

    pub(in crate::store) fn trust(&self) -> Trust {
        self.entry.trust
    }

    /// None: a tombstone.
    pub(in crate::store) fn content(&self) -> Option<(&Cid, &Bytes)> {
        match &self.op.action {
            Action::Put { cid, body } => Some((cid, body)),
            Action::Delete => None,
        }
    }

    /// The same for the feed, once the row's id is known.
    pub(super) fn change(&self, id: i64) -> Change {
        let uri = AtUri {
            did: self.entry.did.clone(),
            collection: self.op.collection.clone(),
            rkey: self.op.rkey.clone(),
        };
        let state = match self.content() {
            Some((cid, body)) => ChangeState::Live {
                rev: self.entry.rev,
                cid: *cid,
                seen_us: self.seen_us,
                body: body.clone(),
            },
            None => ChangeState::Deleted,
        };
        let (partition, pos) = (self.entry.partition, self.entry.pos);
        Change::new((partition, pos), (id, self.at.did_id), uri, state)
    }
}
