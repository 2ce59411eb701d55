//! What the archive holds of the records that a unit touches, and what is left of them after it.
//!
//! The latest revision of each record wins, whatever the order in which they come; at one revision, what was proven
//! further wins.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use super::super::feed::corrupt;
use super::super::intern::{Interner, RecordAt};
use super::records::Accepted;
use crate::atproto::{Cid, Nsid, Tid};
use crate::entry::{Action, Op};
use crate::store::error::StoreError;

/// One record, as far as the unit has come.
#[derive(Default)]
struct Slot {
    id: Option<i64>,
    /// None when it was never archived, or its tombstone is gone.
    rev: Option<Tid>,
    trust: i64,
    /// None when it is not live.
    cid: Option<Cid>,
    seen_us: Option<i64>,
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
    pub(super) async fn load(
        c: &mut SqliteConnection,
        intern: &mut Interner,
        accepted: &[Accepted<'_>],
    ) -> Result<Self, StoreError> {
        let nsids: Vec<Nsid> = accepted
            .iter()
            .flat_map(|a| a.ops.iter().map(|op| op.collection.clone()))
            .collect();
        let mut collections = intern.collections(c, &nsids).await?.into_iter();
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
        let slots = load(c, &places).await?;
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
                    id: slot.id,
                    op: slot.written?,
                    remembered: slot.remembered,
                    seen_us: slot.seen_us,
                })
            })
            .collect();
        writes.sort_unstable_by_key(|write| write.op);
        writes
    }
}

impl Slot {
    /// Whether an operation changes it. Of a commit every operation does that is not older.
    fn gives_way(&self, entry: &Accepted<'_>, op: &Op) -> bool {
        let trust = entry.trust.as_i64();
        let is_older = self
            .rev
            .is_some_and(|rev| rev > entry.rev || (rev == entry.rev && self.trust >= trust));
        if is_older || entry.is_commit {
            return !is_older;
        }
        match &op.action {
            Action::Put { cid, .. } => self.cid != Some(*cid) || trust > self.trust,
            Action::Delete => self.cid.is_some() || entry.remembers_deletes,
        }
    }

    fn take(&mut self, entry: &Accepted<'_>, op: &Op) {
        let cid = match &op.action {
            Action::Put { cid, .. } => Some(*cid),
            Action::Delete => None,
        };
        if cid.is_none() || cid != self.cid {
            self.seen_us = None;
        }
        self.rev = Some(entry.rev);
        self.trust = entry.trust.as_i64();
        self.cid = cid;
        // Only a commit is known by the repository's rev when it comes again.
        self.remembered |= entry.remembers_deletes || !entry.is_commit;
    }
}

/// One slot for each place; the places are distinct.
async fn load(c: &mut SqliteConnection, places: &[RecordAt]) -> Result<Vec<Slot>, StoreError> {
    let mut slots: Vec<Slot> = places.iter().map(|_| Slot::default()).collect();
    for range in bulk::chunks(places.len()) {
        let sql = bulk::values(
            "with k(i, d, c, r) as (values ",
            "(?,?,?,?)",
            range.len(),
            ") select k.i, r.id, r.rev, r.trust, r.cid, r.seen_us from k cross join record r \
             on r.did_id = k.d and r.coll_id = k.c and r.rkey = k.r",
        );
        let mut query = sqlx::query(sql);
        for (i, place) in range.clone().zip(&places[range]) {
            query = query
                .bind(i64::try_from(i).unwrap_or(i64::MAX))
                .bind(place.did_id)
                .bind(place.collection_id)
                .bind(place.rkey.as_str());
        }
        for row in query.fetch_all(&mut *c).await? {
            let i = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
            let rev: Option<&str> = row.try_get(2)?;
            let cid: Option<&[u8]> = row.try_get(4)?;
            if let Some(slot) = slots.get_mut(i) {
                *slot = Slot {
                    id: Some(row.try_get(1)?),
                    rev: rev.map(Tid::parse).transpose().map_err(corrupt)?,
                    trust: row.try_get::<Option<i64>, _>(3)?.unwrap_or_default(),
                    cid: cid.map(Cid::from_bytes).transpose().map_err(corrupt)?,
                    seen_us: row.try_get(5)?,
                    remembered: false,
                    written: None,
                };
            }
        }
    }
    Ok(slots)
}
