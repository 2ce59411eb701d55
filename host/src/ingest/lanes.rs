//! Lanes: the events of one account go through one lane, in order; the lanes run side by side.
//!
//! Guarantees: what is sent for one account is handled in the order it was sent; what waits is bounded in bytes, held
//! events included, and a full lane makes the sender wait. A flush goes through every lane behind what was sent before
//! it, and tells the lowest seq of its source that is not yet in the queue. Does not read sockets and does not decide
//! what a cursor is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::IngestError;
use super::lane::{Lane, LaneParts};
use crate::atproto::{Cid, Did, Tid};
use crate::entry::{Source, partition_of};
use crate::limits;
use crate::queue::QueueError;

/// Where an event came from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) source: Source,
    /// Its number there.
    pub(super) seq: i64,
    /// Names it in the log: a byte offset, or a count on a connection.
    pub(super) at: u64,
}

/// What is sent through a lane.
pub(super) enum Item {
    /// A message that decodes and belongs to the account.
    Frame {
        message: Bytes,
        origin: Origin,
        /// The message's share of the bound on bytes: given back when it is dropped.
        room: OwnedSemaphorePermit,
    },
    /// A message that does not decode; what it was about is a guess.
    Broken { origin: Origin, reason: String },
    /// Somebody says that the repository is at `rev`: a sweep of the upstream.
    Announced { rev: Tid, reason: String },
    /// The account's own host was at `rev` a while ago, and no event told of it: a snapshot has to reach it. Answered
    /// with whether the repository was marked.
    Missed {
        rev: Tid,
        reason: String,
        marked: oneshot::Sender<bool>,
    },
    /// The repository is to be fetched and followed.
    Follow { reason: String },
    /// A snapshot is about to be fetched: commits wait from here on.
    Resyncing { begun: oneshot::Sender<()> },
    /// All of a snapshot is in the queue.
    Resynced { rev: Tid, data: Cid },
    /// A snapshot could not be had; the repository stays as it is.
    ResyncFailed { reason: String },
    /// The account is erased: nothing of it may stay in memory.
    Forget,
}

/// What reaches a lane.
pub(super) enum Sent {
    Item(Did, Item),
    Flush(Flush),
    /// Answered when all that was sent before is in the queue or held.
    Settle(oneshot::Sender<()>),
}

/// Goes through a lane behind what was sent before it.
pub(super) struct Flush {
    pub(super) source: Source,
    /// Everything of `source` up to here was sent before.
    pub(super) seq: i64,
    /// Where the lane says what is not held back: every event up to there is in the queue.
    pub(super) low: Arc<AtomicI64>,
    /// This flush's number; what a lane remembers of an account is as old as the flush after it.
    pub(super) number: u64,
    /// The flush whose entries are durable: what is older may be forgotten.
    pub(super) durable: u64,
}

/// The lanes of a host.
pub struct Lanes {
    senders: Mutex<Option<Arc<[mpsc::Sender<Sent>]>>>,
    room: Arc<Semaphore>,
    tasks: Mutex<Vec<JoinHandle<Result<(), IngestError>>>>,
}

impl Lanes {
    /// Starts the lanes, one for each core.
    #[must_use]
    pub fn start(parts: LaneParts) -> Arc<Self> {
        let count =
            std::thread::available_parallelism().map_or(1, |n| n.get().min(limits::LANES_MAX));
        let parts = Arc::new(parts);
        let (mut senders, mut tasks) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for _ in 0..count {
            let (sender, receiver) = mpsc::channel(limits::LANE_ITEMS_MAX);
            let lane = Lane::new(Arc::clone(&parts));
            tasks.push(tokio::spawn(lane.run(receiver)));
            senders.push(sender);
        }
        Arc::new(Self {
            senders: Mutex::new(Some(senders.into())),
            room: Arc::new(Semaphore::new(limits::LANES_BYTES_MAX / 1_024)),
            tasks: Mutex::new(tasks),
        })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.senders().map_or(0, |s| s.len())
    }

    /// Waits for a message's share of the bound on bytes.
    pub(super) async fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, IngestError> {
        let kib = (bytes / 1_024 + 1).min(limits::LANES_BYTES_MAX / 1_024);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await;
        room.map_err(|_| closed())
    }

    /// Sends something about an account; waits while its lane is full.
    pub(super) async fn send(&self, did: &Did, item: Item) -> Result<(), IngestError> {
        let senders = self.senders().ok_or_else(closed)?;
        let lanes = u16::try_from(senders.len()).unwrap_or(u16::MAX);
        let lane = &senders[usize::from(partition_of(did, lanes))];
        lane.send(Sent::Item(did.clone(), item))
            .await
            .map_err(|_| closed())
    }

    /// Sends one flush through each lane.
    pub(super) async fn flush(
        &self,
        mut flush: impl FnMut(usize) -> Flush,
    ) -> Result<(), IngestError> {
        let senders = self.senders().ok_or_else(closed)?;
        for (n, lane) in senders.iter().enumerate() {
            lane.send(Sent::Flush(flush(n)))
                .await
                .map_err(|_| closed())?;
        }
        Ok(())
    }

    /// Waits until everything sent before is in the queue or held.
    pub(super) async fn settle(&self) -> Result<(), IngestError> {
        let senders = self.senders().ok_or_else(closed)?;
        let mut waiting = Vec::with_capacity(senders.len());
        for lane in senders.iter() {
            let (settle, settled) = oneshot::channel();
            lane.send(Sent::Settle(settle))
                .await
                .map_err(|_| closed())?;
            waiting.push(settled);
        }
        for settled in waiting {
            settled.await.map_err(|_| closed())?;
        }
        Ok(())
    }

    /// Takes nothing more, lets every lane finish what it was sent, and ends. What is held for an identity is left to
    /// the next start: the cursor is behind it.
    ///
    /// # Errors
    /// What ended a lane.
    pub async fn close(&self) -> Result<(), IngestError> {
        self.senders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.await.map_err(|e| IngestError::Lane(e.to_string()))??;
        }
        Ok(())
    }

    fn senders(&self) -> Option<Arc<[mpsc::Sender<Sent>]>> {
        self.senders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn closed() -> IngestError {
    IngestError::Queue(QueueError::Closed)
}

/// The lowest of the lanes' answers.
pub(super) fn lowest(lows: &[Arc<AtomicI64>]) -> Option<i64> {
    lows.iter()
        .map(|low| low.load(Ordering::Acquire))
        .min()
        .filter(|low| *low > 0)
}
