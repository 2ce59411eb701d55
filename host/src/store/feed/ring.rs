//! The feed in memory: the last changes of each partition, with the store behind them.
//!
//! Guarantees: from any pos a reader sees the same records in the same last state, from memory or from the store.
//! What is kept is bounded by [`limits::FEED_RING_BYTES_MAX`] in all. Whoever moves a partition without pushing the
//! changes (a redo step does) makes the ring void up to there.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::batching::{Batching, FeedLimit};
use super::{Change, FeedBatch, Pos};
use crate::entry::Partition;
use crate::limits;
use crate::store::Store;
use crate::store::archive::{Archived, Heads};
use crate::store::error::StoreError;
use crate::store::rows::Advance;

/// Which collections a reader wants.
pub type Wants<'a> = &'a (dyn Fn(&str) -> bool + Send + Sync);

/// The change feed of a store, for readers that follow closely and those that catch up.
pub struct Feed {
    store: Arc<dyn Store>,
    rings: Vec<RwLock<Ring>>,
    bytes_max: usize,
    /// Counts moves, so that a reader can wait for more.
    pushed: watch::Sender<u64>,
}

/// Every change of one partition whose pos is in `floor + 1 ..= head`.
#[derive(Debug, Default)]
struct Ring {
    floor: Pos,
    head: Pos,
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
}

impl Feed {
    /// A feed that starts at the store's heads, with nothing in memory.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, heads: &Heads) -> Self {
        Self::with_bound(store, heads, limits::FEED_RING_BYTES_MAX)
    }

    /// A feed with a bound of its own (bytes of changes in memory).
    #[must_use]
    pub fn with_bound(store: Arc<dyn Store>, heads: &Heads, bytes_max: usize) -> Self {
        let rings = heads
            .partitions
            .iter()
            .map(|p| RwLock::new(Ring::at(p.pos)))
            .collect();
        Self {
            store,
            rings,
            bytes_max,
            pushed: watch::Sender::new(0),
        }
    }

    /// Makes an archived unit's changes known to readers. Call it after each unit, in order.
    pub fn push(&self, archived: &Archived) {
        let budget = self.bytes_max / self.rings.len().max(1);
        for step in &archived.heads {
            if let Some(ring) = self.rings.get(usize::from(step.partition)) {
                let mut ring = ring.write().unwrap_or_else(PoisonError::into_inner);
                ring.push(*step, &archived.changes, budget);
            }
        }
        if !archived.heads.is_empty() {
            self.pushed.send_modify(|n| *n += 1);
        }
    }

    /// Records were moved to `pos` without a push: what is up to there is in the store only.
    pub fn void(&self, partition: Partition, pos: Pos) {
        if let Some(ring) = self.rings.get(usize::from(partition)) {
            let mut ring = ring.write().unwrap_or_else(PoisonError::into_inner);
            if pos > ring.head {
                *ring = Ring::at(pos);
            }
        }
        self.pushed.send_modify(|n| *n += 1);
    }

    /// The last pos of a partition that readers know of.
    #[must_use]
    pub fn head(&self, partition: Partition) -> Pos {
        self.rings.get(usize::from(partition)).map_or(0, |ring| {
            ring.read().unwrap_or_else(PoisonError::into_inner).head
        })
    }

    /// The last pos of every partition.
    #[must_use]
    pub fn heads(&self) -> Vec<Pos> {
        let head = |r: &RwLock<Ring>| r.read().unwrap_or_else(PoisonError::into_inner).head;
        self.rings.iter().map(head).collect()
    }

    /// Changes when any partition has moved. Subscribe before reading, so that no move is missed.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.pushed.subscribe()
    }

    /// Changes after a pos up to a limit, never cut inside a pos; of a record that
    /// changed several times only the last state in the batch. `through` reaches the head when no bound cut it.
    ///
    /// # Errors
    /// When the store has.
    pub async fn after(
        &self,
        partition: Partition,
        pos: Pos,
        wants: Wants<'_>,
        limit: FeedLimit,
    ) -> Result<FeedBatch, StoreError> {
        let Some(ring) = self.rings.get(usize::from(partition)) else {
            return Err(StoreError::Refused(format!(
                "expected a partition below {}, got {partition}",
                self.rings.len()
            )));
        };
        let in_memory = ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .after(pos, wants, limit);
        match in_memory {
            Some(batch) => Ok(latest_only(batch)),
            None => self.store.changes_after(partition, pos, wants, limit).await,
        }
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("rings", &self.rings).finish()
    }
}

impl Ring {
    fn at(pos: Pos) -> Self {
        Self {
            floor: pos,
            head: pos,
            ..Self::default()
        }
    }

    fn push(&mut self, step: Advance, changes: &[Arc<Change>], budget_bytes: usize) {
        if step.from > self.head {
            *self = Self::at(step.from);
        }
        for change in changes {
            if change.partition == step.partition && change.pos > self.head {
                self.bytes += change.size_bytes();
                self.changes.push_back(Arc::clone(change));
            }
        }
        self.head = self.head.max(step.to);
        while self.bytes > budget_bytes {
            self.drop_first_pos();
        }
    }

    /// Drops the oldest pos whole.
    fn drop_first_pos(&mut self) {
        let Some(pos) = self.changes.front().map(|c| c.pos) else {
            self.bytes = 0;
            return;
        };
        while let Some(change) = self.changes.pop_front_if(|c| c.pos == pos) {
            self.bytes -= change.size_bytes();
        }
        self.floor = pos;
    }

    /// None when the ring does not reach back to `pos`.
    fn after(&self, pos: Pos, wants: Wants<'_>, limit: FeedLimit) -> Option<FeedBatch> {
        if pos < self.floor {
            return None;
        }
        let mut batch = Batching::new(limit);
        let start = self.changes.partition_point(|c| c.pos <= pos);
        for change in self.changes.range(start..) {
            if wants(change.collection.as_str()) && !batch.offer(change) {
                break;
            }
        }
        Some(batch.end(self.head.max(pos)))
    }
}

/// Keeps the last change of each record.
fn latest_only(mut batch: FeedBatch) -> FeedBatch {
    let mut seen = HashSet::with_capacity(batch.changes.len());
    batch.changes.reverse();
    batch.changes.retain(|c| seen.insert(c.record_id));
    batch.changes.reverse();
    batch
}
