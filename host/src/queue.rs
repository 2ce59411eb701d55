//! The buffer between `ingest` and the host consumer.
//!
//! Guarantees: entries of one partition come out in the order they went in; a full queue makes the appender wait and
//! drops nothing; what was read counts against the bounds until its [`Batch`] is committed. May be lost at any moment
//! without losing data: the upstream cursor is computed from what the store committed. A queue that finds that it lost
//! something says so ([`QueueError::Lost`]) for ever after; a new one is opened in its place, see [`RenewedQueue`].

mod channel;
mod redis;
mod renewed;

use async_trait::async_trait;

pub use channel::ChannelQueue;
pub use redis::{RedisBounds, RedisOptions, RedisQueue};
pub use renewed::RenewedQueue;

use crate::entry::{Entry, Partition};
use crate::fault::{Class, Classify};

/// A queue of entries with a bound.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Appends one entry; waits while the queue is full.
    async fn append(&self, partition: Partition, entry: Entry) -> Result<(), QueueError>;

    /// Takes at least one entry and at most `limit`; waits while the queue is empty. `None`: closed and drained.
    async fn read(&self, limit: usize) -> Result<Option<Batch>, QueueError>;

    /// Returns when what is appended from now on, to whatever partition, cannot be committed before what was appended
    /// until now. Only entries of one partition are in order by themselves.
    async fn settle(&self) -> Result<(), QueueError>;

    /// Returns when the queue is found to have lost something.
    async fn lost(&self);

    /// No more appends. What is inside can still be read.
    fn close(&self);

    /// Entries waiting, for people's eyes.
    fn len(&self) -> usize;

    /// Whether everything that was appended is committed, or was given up.
    fn is_committed(&self) -> bool;

    /// Whether nothing waits.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Entries that were read. They hold their share of the bounds until they are committed, or dropped.
#[derive(Debug)]
pub struct Batch {
    /// In queue order for each partition.
    pub entries: Vec<(Partition, Entry)>,
    claim: Box<dyn Claim>,
}

impl Batch {
    /// The entries are in the store: the queue may forget them. A batch that is dropped instead is read again from a
    /// queue that outlives its process.
    pub fn committed(self) {
        self.claim.commit();
    }
}

/// What a queue keeps for a batch in somebody's hands.
trait Claim: Send + std::fmt::Debug {
    /// See [`Batch::committed`].
    fn commit(self: Box<Self>);
}

/// What can go wrong in a queue.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Appending after [`Queue::close`].
    #[error("the queue is closed")]
    Closed,
    /// Entries are gone, or are not ours: a new queue is to be opened, and the upstream read again from the saved
    /// cursor.
    #[error("the queue has lost entries: {0}")]
    Lost(std::sync::Arc<str>),
    /// The queue cannot be used as it is set.
    #[error("the queue cannot be used: {0}")]
    Unusable(String),
}

impl Classify for QueueError {
    fn class(&self) -> Class {
        match self {
            Self::Closed => Class::Canceled,
            Self::Lost(_) => Class::Retry,
            Self::Unusable(_) => Class::Fatal,
        }
    }
}
