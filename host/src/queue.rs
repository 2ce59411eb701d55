//! The buffer between `ingest` and the host consumer.
//!
//! Guarantees: entries of one partition come out in the order they went in; a full queue makes the appender wait and
//! drops nothing; what was read counts against the bounds until its [`Batch`] is dropped. May be lost at any moment
//! without losing data: the upstream cursor is computed from what the store committed.

mod channel;

use async_trait::async_trait;

pub use channel::ChannelQueue;

use crate::entry::{Entry, Partition};
use crate::fault::{Class, Classify};

/// A queue of entries with a bound.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Appends one entry; waits while the queue is full.
    async fn append(&self, partition: Partition, entry: Entry) -> Result<(), QueueError>;

    /// Takes at least one entry and at most `limit`; waits while the queue is empty. `None`: closed and drained.
    async fn read(&self, limit: usize) -> Result<Option<Batch>, QueueError>;

    /// No more appends. What is inside can still be read.
    fn close(&self);

    /// Entries waiting, for people's eyes.
    fn len(&self) -> usize;

    /// Whether nothing waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Entries that were read. They hold their share of the bounds until this is dropped: drop it after the commit.
#[derive(Debug)]
pub struct Batch {
    /// In queue order for each partition.
    pub entries: Vec<(Partition, Entry)>,
    /// Given back to the queue on drop.
    _held: Vec<tokio::sync::OwnedSemaphorePermit>,
}

/// What can go wrong in a queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Appending after [`Queue::close`].
    #[error("the queue is closed")]
    Closed,
}

impl Classify for QueueError {
    fn class(&self) -> Class {
        match self {
            Self::Closed => Class::Canceled,
        }
    }
}
