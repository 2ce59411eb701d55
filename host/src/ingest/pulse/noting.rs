//! A queue in front of another that notes which collections commits write to.

use std::sync::Arc;

use async_trait::async_trait;

use super::Pulse;
use crate::entry::{Entry, Partition};
use crate::queue::{Batch, Queue, QueueError};

/// Hands everything on to a queue. Commits of the stream are noted; records of fetched repositories are none.
pub struct Noting {
    /// Where entries go.
    pub queue: Arc<dyn Queue>,
    /// Where commits are noted.
    pub pulse: Arc<Pulse>,
}

#[async_trait]
impl Queue for Noting {
    async fn append(&self, partition: Partition, entry: Entry) -> Result<(), QueueError> {
        if let Entry::Commit(commit) = &entry {
            let time_us = commit.rev.time_us();
            for op in &commit.ops {
                self.pulse.operation(op.collection.as_str(), time_us);
            }
        }
        self.queue.append(partition, entry).await
    }

    async fn read(&self, limit: usize) -> Result<Option<Batch>, QueueError> {
        self.queue.read(limit).await
    }

    async fn settle(&self) -> Result<(), QueueError> {
        self.queue.settle().await
    }

    async fn lost(&self) {
        self.queue.lost().await;
    }

    fn close(&self) {
        self.queue.close();
    }

    fn is_committed(&self) -> bool {
        self.queue.is_committed()
    }

    fn len(&self) -> usize {
        self.queue.len()
    }
}
