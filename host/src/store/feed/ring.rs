//! Recent changes in memory, older ones from the store: what consumers follow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Change, FeedBatch, Pos};
use crate::entry::Partition;
use crate::limits;
use crate::store::{Archived, Heads, Store, StoreError};

/// How much of the feed to take at once. One pos is never cut, so a single large one may exceed it.
#[derive(Clone, Copy, Debug)]
pub struct FeedLimit {
    /// Wanted changes.
    pub changes: usize,
    /// Their size (bytes, as [`Change::size_bytes`] counts).
    pub bytes: usize,
}

/// Which collections a reader wants.
pub type Wants<'a> = &'a (dyn Fn(&str) -> bool + Send + Sync);

/// The feed of one host.
pub struct Feed {
    store: Arc<dyn Store>,
    rings: Mutex<Rings>,
    /// Counts what was pushed, so that a reader can wait for more.
    pushed: watch::Sender<u64>,
}

struct Rings {
    parts: Vec<Ring>,
    bytes: usize,
    bytes_max: usize,
}

struct Ring {
    changes: VecDeque<Arc<Change>>,
    /// Everything after this pos, up to the head, is in `changes`.
    after: Pos,
    head: Pos,
}

impl Feed {
    /// A feed that starts with an empty memory at these heads.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, heads: &Heads) -> Self {
        Self::with_bound(store, heads, limits::FEED_RING_BYTES_MAX)
    }

    /// A feed with a bound of its own (bytes of changes in memory).
    #[must_use]
    pub fn with_bound(store: Arc<dyn Store>, heads: &Heads, bytes_max: usize) -> Self {
        let parts = heads
            .partitions
            .iter()
            .map(|p| Ring {
                changes: VecDeque::new(),
                after: p.pos,
                head: p.pos,
            })
            .collect();
        Self {
            store,
            rings: Mutex::new(Rings {
                parts,
                bytes: 0,
                bytes_max,
            }),
            pushed: watch::Sender::new(0),
        }
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what an archive unit committed.
    pub fn push(&self, archived: &Archived) {
        let mut rings = self.rings();
        for change in &archived.changes {
            rings.bytes += change.size_bytes();
            if let Some(ring) = rings.parts.get_mut(usize::from(change.partition)) {
                ring.changes.push_back(Arc::clone(change));
            }
        }
        for (partition, head) in &archived.heads {
            if let Some(ring) = rings.parts.get_mut(usize::from(*partition)) {
                ring.head = *head;
            }
        }
        rings.evict();
        drop(rings);
        self.pushed.send_modify(|n| *n += 1);
    }

    /// Records were moved to `pos` behind the memory's back: what is up to there is in the store only.
    pub fn void(&self, partition: Partition, pos: Pos) {
        let mut rings = self.rings();
        if let Some(ring) = rings.parts.get_mut(usize::from(partition)) {
            let freed: usize = ring.changes.drain(..).map(|c| c.size_bytes()).sum();
            ring.after = pos;
            ring.head = pos;
            rings.bytes = rings.bytes.saturating_sub(freed);
        }
        drop(rings);
        self.pushed.send_modify(|n| *n += 1);
    }

    /// The last pos of a partition.
    #[must_use]
    pub fn head(&self, partition: Partition) -> Pos {
        self.rings()
            .parts
            .get(usize::from(partition))
            .map_or(0, |r| r.head)
    }

    /// The last pos of every partition.
    #[must_use]
    pub fn heads(&self) -> Vec<Pos> {
        self.rings().parts.iter().map(|r| r.head).collect()
    }

    /// Changes whenever something was pushed.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.pushed.subscribe()
    }

    /// What one partition holds after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn after(
        &self,
        partition: Partition,
        after: Pos,
        wants: Wants<'_>,
        limit: FeedLimit,
    ) -> Result<FeedBatch, StoreError> {
        if let Some(batch) = self.in_memory(partition, after, wants, limit) {
            return Ok(batch);
        }
        self.store
            .changes_after(partition, after, wants, limit)
            .await
    }

    fn in_memory(
        &self,
        partition: Partition,
        after: Pos,
        wants: Wants<'_>,
        limit: FeedLimit,
    ) -> Option<FeedBatch> {
        let rings = self.rings();
        let ring = rings.parts.get(usize::from(partition))?;
        if after < ring.after {
            return None;
        }
        let mut batch = FeedBatch {
            changes: Vec::new(),
            through: ring.head.max(after),
        };
        let mut bytes = 0;
        let start = ring.changes.partition_point(|c| c.pos <= after);
        for change in ring
            .changes
            .iter()
            .skip(start)
            .filter(|c| wants(c.collection.as_str()))
        {
            let full = batch.changes.len() >= limit.changes || bytes >= limit.bytes;
            if let Some(last) = batch.changes.last().map(|c: &Arc<Change>| c.pos)
                && full
                && change.pos > last
            {
                batch.through = last;
                break;
            }
            bytes += change.size_bytes();
            batch.changes.push(Arc::clone(change));
        }
        Some(batch)
    }
}

impl Rings {
    /// Frees the oldest changes of the fullest partition until the bound holds; a pos goes whole.
    fn evict(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(ring) = self.parts.iter_mut().max_by_key(|r| r.changes.len()) else {
                return;
            };
            let Some(oldest) = ring.changes.front().map(|c| c.pos) else {
                return;
            };
            while let Some(change) = ring.changes.pop_front_if(|c| c.pos == oldest) {
                self.bytes = self.bytes.saturating_sub(change.size_bytes());
            }
            ring.after = oldest;
        }
    }
}
