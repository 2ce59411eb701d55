//! The queue of a single host: a channel in memory, bounded by entries and by bytes.
//!
//! Guarantees what [`Queue`] does. One channel for all partitions: entries come out in the order they went in, whatever
//! their partition. Never lost while the process lives; gone with it, with what was read and not committed.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Batch, Claim, Queue, QueueError};
use crate::entry::{Entry, Partition};
use crate::limits;

struct Item {
    partition: Partition,
    entry: Entry,
    held: OwnedSemaphorePermit,
}

/// A batch's share of the bounds, given back when this is dropped: committed or not, the entries are out of the queue.
#[derive(Debug)]
struct Held {
    _room: Vec<OwnedSemaphorePermit>,
}

impl Claim for Held {
    fn commit(self: Box<Self>) {}
}

/// An in-memory [`Queue`].
pub struct ChannelQueue {
    sender: std::sync::Mutex<Option<mpsc::Sender<Item>>>,
    /// Locked by the host consumer alone; the lock is what lets `read` take `&self`.
    receiver: Mutex<mpsc::Receiver<Item>>,
    /// One permit for each KiB, so that the bound fits the semaphore's range.
    space_kib: Arc<Semaphore>,
    bytes_max: usize,
}

impl ChannelQueue {
    /// A queue with the bounds of [`limits`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_bounds(limits::QUEUE_ENTRIES_MAX, limits::QUEUE_BYTES_MAX)
    }

    /// A queue with bounds of its own (entries, bytes).
    #[must_use]
    pub fn with_bounds(entries_max: usize, bytes_max: usize) -> Self {
        let (sender, receiver) = mpsc::channel(entries_max.max(1));
        Self {
            sender: std::sync::Mutex::new(Some(sender)),
            receiver: Mutex::new(receiver),
            space_kib: Arc::new(Semaphore::new(space_kib(bytes_max))),
            bytes_max,
        }
    }

    /// One entry never asks for more than the whole queue, else it would wait for ever.
    fn cost_kib(&self, entry: &Entry) -> u32 {
        let bytes = entry.size_bytes().min(self.bytes_max);
        u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX)
    }

    fn sender(&self) -> Option<mpsc::Sender<Item>> {
        self.sender
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

fn space_kib(bytes_max: usize) -> usize {
    bytes_max / 1_024 + 1
}

impl Default for ChannelQueue {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Queue for ChannelQueue {
    async fn append(&self, partition: Partition, entry: Entry) -> Result<(), QueueError> {
        let sender = self.sender().ok_or(QueueError::Closed)?;
        let held = Arc::clone(&self.space_kib)
            .acquire_many_owned(self.cost_kib(&entry))
            .await
            .map_err(|_| QueueError::Closed)?;
        let item = Item {
            partition,
            entry,
            held,
        };
        sender.send(item).await.map_err(|_| QueueError::Closed)
    }

    async fn read(&self, limit: usize) -> Result<Option<Batch>, QueueError> {
        let mut items = Vec::with_capacity(limit.min(256));
        if self
            .receiver
            .lock()
            .await
            .recv_many(&mut items, limit)
            .await
            == 0
        {
            return Ok(None);
        }
        let (mut entries, mut held) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            entries.push((item.partition, item.entry));
            held.push(item.held);
        }
        let claim = Box::new(Held { _room: held });
        Ok(Some(Batch { entries, claim }))
    }

    async fn settle(&self) -> Result<(), QueueError> {
        Ok(())
    }

    async fn lost(&self) {
        std::future::pending().await
    }

    fn close(&self) {
        self.sender
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
    }

    fn is_committed(&self) -> bool {
        // What was read keeps its room until its batch goes.
        self.space_kib.available_permits() == space_kib(self.bytes_max)
    }

    fn len(&self) -> usize {
        self.sender().map_or(0, |s| s.max_capacity() - s.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Source;

    fn mark(seq: i64) -> Entry {
        Entry::Mark {
            source: Source("test".into()),
            seq,
        }
    }

    fn seqs(batch: &Batch) -> Vec<i64> {
        batch
            .entries
            .iter()
            .filter_map(|(_, e)| match e {
                Entry::Mark { seq, .. } => Some(*seq),
                _ => None,
            })
            .collect()
    }

    #[tokio::test]
    async fn what_goes_in_comes_out_in_order_and_close_drains() {
        let queue = ChannelQueue::with_bounds(8, 1 << 20);
        for seq in 0..5 {
            queue.append(0, mark(seq)).await.unwrap();
        }
        queue.close();
        assert_eq!(seqs(&queue.read(3).await.unwrap().unwrap()), [0, 1, 2]);
        assert_eq!(seqs(&queue.read(9).await.unwrap().unwrap()), [3, 4]);
        assert!(queue.read(9).await.unwrap().is_none());
        assert!(queue.append(0, mark(9)).await.is_err());
    }

    #[tokio::test]
    async fn a_full_queue_waits_until_the_batch_is_dropped() {
        // Room for two entries' bytes: a batch in hand still counts.
        let queue = Arc::new(ChannelQueue::with_bounds(64, 1_024));
        queue.append(0, mark(1)).await.unwrap();
        queue.append(0, mark(2)).await.unwrap();
        let batch = queue.read(64).await.unwrap().unwrap();
        assert!(queue.is_empty() && !queue.is_committed(), "it is in hand");
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.append(0, mark(3)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(batch);
        waiting.await.unwrap().unwrap();
        let last = queue.read(1).await.unwrap().unwrap();
        assert_eq!(seqs(&last), [3]);
        last.committed();
        assert!(queue.is_committed());
    }
}
