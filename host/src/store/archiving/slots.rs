//! What the archive holds of the records that a unit touches, and what is left of them after it.
//!
//! The latest revision of each record wins, whatever the order in which they come; at one revision, what was proven
//! further wins.

use std::collections::HashMap;

use super::RecordAt;
use super::records::Accepted;
use super::sql::ArchiveSql;
use crate::atproto::{Cid, Nsid, Tid};
use crate::entry::{Action, Op};
use crate::store::error::StoreError;

/// What the archive holds of a record.
#[derive(Clone, Default)]
pub(in crate::store) struct Held {
    /// Its row, when it has one.
    pub(in crate::store) id: Option<i64>,
    /// None when it was never archived, or its tombstone is gone.
    pub(in crate::store) rev: Option<Tid>,
    pub(in crate::store) trust: i64,
    /// None when it is not live.
    pub(in crate::store) cid: Option<Cid>,
    pub(in crate::store) seen_us: Option<i64>,
}

/// One record, as far as the unit has come.
struct Slot {
    held: Held,
    /// Whether a delete leaves a tombstone although there is no row: something older may come, or come again.
    remembered: bool,
    /// The last operation that changed it: its entry's and its own number.
    written: Option<(usize, usize)>,
}

/// A record's last change in a unit.
pub(super) struct Write {
    pub(super) at: RecordAt,
    /// Its row, when it has one.
    pub(super) id: Option<i64>,
    /// The accepted entry's number, and the operation's in it.
    pub(super) op: (usize, usize),
    /// Whether a delete leaves a tombstone also when it has no row.
    pub(super) remembered: bool,
    /// When this version was first seen, when that was before this unit.
    pub(super) seen_us: Option<i64>,
}

/// The records that a unit touches.
pub(super) struct Slots {
    places: Vec<RecordAt>,
    slots: Vec<Slot>,
    /// For each accepted entry, the slots of its operations.
    of_ops: Vec<Vec<usize>>,
}

impl Slots {
    pub(super) async fn load<S: ArchiveSql>(
        sql: &mut S,
        accepted: &[Accepted<'_>],
    ) -> Result<Self, StoreError> {
        let nsids: Vec<Nsid> = accepted
            .iter()
            .flat_map(|a| a.ops.iter().map(|op| op.collection.clone()))
            .collect();
        let mut collections = sql.collections(&nsids).await?.into_iter();
        let mut places: Vec<RecordAt> = Vec::new();
        let mut known: HashMap<RecordAt, usize> = HashMap::with_capacity(nsids.len());
        let mut of_ops = Vec::with_capacity(accepted.len());
        for entry in accepted {
            let slots = entry.ops.iter().zip(collections.by_ref());
            let slots = slots.map(|(op, collection_id)| {
                let place = RecordAt {
                    did_id: entry.did_id,
                    collection_id,
                    rkey: op.rkey.clone(),
                };
                *known.entry(place).or_insert_with_key(|place| {
                    places.push(place.clone());
                    places.len() - 1
                })
            });
            of_ops.push(slots.collect());
        }
        let held = match places.as_slice() {
            [] => Vec::new(),
            places => sql.held(places).await?,
        };
        let slots = held.into_iter().map(Slot::of).collect();
        Ok(Self {
            places,
            slots,
            of_ops,
        })
    }

    /// Applies an entry's operations and says how many changed something.
    pub(super) fn apply(&mut self, entry_at: usize, entry: &Accepted<'_>) -> u64 {
        let mut changed = 0;
        let slots = self.of_ops.get(entry_at).into_iter().flatten();
        for (op_at, (op, slot)) in entry.ops.iter().zip(slots).enumerate() {
            let Some(slot) = self.slots.get_mut(*slot) else {
                continue;
            };
            let again = slot.written.is_some_and(|(by, _)| by == entry_at);
            if again || slot.gives_way(entry, op) {
                slot.take(entry, op);
                slot.written = Some((entry_at, op_at));
                changed += 1;
            }
        }
        changed
    }

    /// What changed, in the order of the feed.
    pub(super) fn into_writes(self) -> Vec<Write> {
        let mut writes: Vec<Write> = self
            .places
            .into_iter()
            .zip(self.slots)
            .filter_map(|(at, slot)| {
                Some(Write {
                    at,
                    id: slot.held.id,
                    op: slot.written?,
                    remembered: slot.remembered,
                    seen_us: slot.held.seen_us,
                })
            })
            .collect();
        writes.sort_unstable_by_key(|write| write.op);
        writes
    }
}

impl Slot {
    fn of(held: Held) -> Self {
        Self {
            held,
            remembered: false,
            written: None,
        }
    }

    /// Whether an operation changes it. Of a commit every operation does that is not older.
    fn gives_way(&self, entry: &Accepted<'_>, op: &Op) -> bool {
        let trust = entry.trust.as_i64();
        let is_older = self
            .held
            .rev
            .is_some_and(|rev| rev > entry.rev || (rev == entry.rev && self.held.trust >= trust));
        if is_older || entry.is_commit {
            return !is_older;
        }
        match &op.action {
            Action::Put { cid, .. } => self.held.cid != Some(*cid) || trust > self.held.trust,
            Action::Delete => self.held.cid.is_some() || entry.remembers_deletes,
        }
    }

    fn take(&mut self, entry: &Accepted<'_>, op: &Op) {
        let cid = match &op.action {
            Action::Put { cid, .. } => Some(*cid),
            Action::Delete => None,
        };
        if cid.is_none() || cid != self.held.cid {
            self.held.seen_us = None;
        }
        self.held.rev = Some(entry.rev);
        self.held.trust = entry.trust.as_i64();
        self.held.cid = cid;
        // Only a commit is known by the repository's rev when it comes again.
        self.remembered |= entry.remembers_deletes || !entry.is_commit;
    }
}
