//! One queue after another behind one face: a queue that has lost entries is left by its reader, and another one is put
//! in its place.
//!
//! Guarantees: the reader sees the loss of a queue only as a wait for the next one; whoever opens the next can wait
//! until the reader has left the last, so that nothing of it is committed later. Does not open queues.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Batch, Queue, QueueError};
use crate::entry::{Entry, Partition};

/// A [`Queue`] that is whichever was given last.
pub struct RenewedQueue {
    current: watch::Sender<Current>,
}

#[derive(Clone, Default)]
struct Current {
    /// None before the first, and after one that was lost.
    queue: Option<Arc<dyn Queue>>,
    closed: bool,
}

impl RenewedQueue {
    /// Without a queue: whoever reads or appends waits.
    #[must_use]
    pub fn new() -> Self {
        let (current, _) = watch::channel(Current::default());
        Self { current }
    }

    /// Puts a queue in the place of the last one.
    pub fn renew(&self, queue: Arc<dyn Queue>) {
        self.current.send_modify(|current| {
            if current.closed {
                queue.close();
            }
            current.queue = Some(queue);
        });
    }

    /// Returns when the reader has left a queue that was lost: what it read of it is committed.
    pub async fn left(&self) {
        let mut current = self.current.subscribe();
        // An error says that the sender is gone, which is ourselves.
        current.wait_for(|c| c.queue.is_none()).await.ok();
    }

    /// The queue of now, as soon as there is one; none when it is closed before.
    async fn queue(&self) -> Option<Arc<dyn Queue>> {
        let mut current = self.current.subscribe();
        let found = current.wait_for(|c| c.queue.is_some() || c.closed).await;
        found.ok().and_then(|c| c.queue.clone())
    }

    fn leave(&self, lost: &Arc<dyn Queue>) {
        self.current.send_if_modified(|current| {
            let same = current
                .queue
                .as_ref()
                .is_some_and(|queue| Arc::ptr_eq(queue, lost));
            if same {
                current.queue = None;
            }
            same
        });
    }
}

impl Default for RenewedQueue {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Queue for RenewedQueue {
    async fn append(&self, partition: Partition, entry: Entry) -> Result<(), QueueError> {
        let queue = self.queue().await.ok_or(QueueError::Closed)?;
        queue.append(partition, entry).await
    }

    async fn read(&self, limit: usize) -> Result<Option<Batch>, QueueError> {
        while let Some(queue) = self.queue().await {
            match queue.read(limit).await {
                Err(QueueError::Lost(reason)) => {
                    tracing::warn!(%reason, "queue.lost: entries are gone; they are read again from the upstream");
                    self.leave(&queue);
                }
                read => return read,
            }
        }
        Ok(None)
    }

    async fn settle(&self) -> Result<(), QueueError> {
        let queue = self.queue().await.ok_or(QueueError::Closed)?;
        queue.settle().await
    }

    async fn lost(&self) {
        match self.queue().await {
            Some(queue) => queue.lost().await,
            None => std::future::pending().await,
        }
    }

    fn close(&self) {
        self.current.send_modify(|current| {
            current.closed = true;
            if let Some(queue) = &current.queue {
                queue.close();
            }
        });
    }

    fn is_committed(&self) -> bool {
        let current = self.current.borrow();
        let queue = current.queue.as_ref();
        queue.is_none_or(|queue| queue.is_committed())
    }

    fn len(&self) -> usize {
        let current = self.current.borrow();
        current.queue.as_ref().map_or(0, |queue| queue.len())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::entry::Source;
    use crate::queue::ChannelQueue;

    /// A queue of which nothing is left.
    struct Gone;

    #[async_trait]
    impl Queue for Gone {
        async fn append(&self, _: Partition, _: Entry) -> Result<(), QueueError> {
            Err(QueueError::Lost("all".into()))
        }
        async fn read(&self, _: usize) -> Result<Option<Batch>, QueueError> {
            Err(QueueError::Lost("all".into()))
        }
        async fn settle(&self) -> Result<(), QueueError> {
            Err(QueueError::Lost("all".into()))
        }
        async fn lost(&self) {}
        fn close(&self) {}
        fn is_committed(&self) -> bool {
            false
        }
        fn len(&self) -> usize {
            7
        }
    }

    fn mark(seq: i64) -> Entry {
        let source = Source("test".into());
        Entry::Mark { source, seq }
    }

    #[tokio::test]
    async fn the_reader_leaves_a_lost_queue_and_reads_the_next() {
        let renewed = Arc::new(RenewedQueue::new());
        assert_eq!(renewed.len(), 0);
        renewed.renew(Arc::new(Gone));
        assert_eq!(renewed.len(), 7);
        assert!(renewed.left().now_or_never().is_none());
        let reading = tokio::spawn({
            let renewed = Arc::clone(&renewed);
            async move { renewed.read(8).await }
        });
        renewed.left().await;
        assert!(!reading.is_finished());
        let next = Arc::new(ChannelQueue::new());
        next.append(0, mark(3)).await.unwrap();
        renewed.renew(next);
        let batch = reading.await.unwrap().unwrap().unwrap();
        assert_eq!(batch.entries.len(), 1);
    }

    #[tokio::test]
    async fn closed_between_two_queues_it_has_ended() {
        let renewed = RenewedQueue::new();
        renewed.renew(Arc::new(Gone));
        renewed.close();
        assert!(renewed.read(8).await.unwrap().is_none());
        assert!(matches!(
            renewed.append(0, mark(1)).await,
            Err(QueueError::Closed)
        ));
        // One that comes too late is closed at once, and drains.
        let late = Arc::new(ChannelQueue::new());
        late.append(0, mark(1)).await.unwrap();
        renewed.renew(Arc::clone(&late) as Arc<dyn Queue>);
        assert!(late.append(0, mark(2)).await.is_err());
        assert!(renewed.read(8).await.unwrap().is_some());
        assert!(renewed.read(8).await.unwrap().is_none());
    }
}
