//! How far a queue is: what was accepted, what Redis has, what is committed; and whether it was lost.
//!
//! Guarantees: numbers of a partition only rise, each is at most the one before it; who waits for a number is woken when
//! any moves. A queue that was lost stays lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::entry::Partition;
use crate::queue::QueueError;

/// Shared by everybody who works on a queue.
pub(super) struct State {
    pub(super) epoch: u64,
    /// One stream for each partition.
    pub(super) keys: Vec<String>,
    numbers: Vec<Numbers>,
    moved: watch::Sender<()>,
    lost: watch::Sender<Option<Arc<str>>>,
    finished: AtomicBool,
    rewind: AtomicBool,
}

/// Of one partition: the last entry's number that…
#[derive(Default)]
struct Numbers {
    /// …was given to the queue.
    accepted: AtomicU64,
    /// …Redis has.
    sent: AtomicU64,
    /// …is in the store.
    committed: AtomicU64,
}

impl State {
    pub(super) fn new(epoch: u64, keys: Vec<String>) -> Self {
        Self {
            epoch,
            numbers: keys.iter().map(|_| Numbers::default()).collect(),
            keys,
            moved: watch::channel(()).0,
            lost: watch::channel(None).0,
            finished: AtomicBool::new(false),
            rewind: AtomicBool::new(false),
        }
    }

    pub(super) fn accepted(&self, partition: Partition) {
        self.numbers[usize::from(partition)]
            .accepted
            .fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn sent(&self, partition: Partition, n: u64) {
        self.numbers[usize::from(partition)]
            .sent
            .store(n, Ordering::Release);
        self.moved.send_replace(());
    }

    /// The last number that Redis has of a partition.
    pub(super) fn last_sent(&self, partition: usize) -> u64 {
        self.numbers[partition].sent.load(Ordering::Acquire)
    }

    /// Notes a commit of `from + 1..=to`. What does not follow the last commit is not noted: something before it was
    /// dropped, and is read again.
    pub(super) fn committed(&self, partition: Partition, from: u64, to: u64) {
        let committed = &self.numbers[usize::from(partition)].committed;
        // An error is that other number.
        committed
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .ok();
        self.moved.send_replace(());
    }

    pub(super) fn last_committed(&self, partition: usize) -> u64 {
        self.numbers[partition].committed.load(Ordering::Acquire)
    }

    /// A batch was dropped without being committed.
    pub(super) fn dropped(&self) {
        self.rewind.store(true, Ordering::Release);
        self.moved.send_replace(());
    }

    /// Whether one was.
    pub(super) fn rewinds(&self) -> bool {
        self.rewind.load(Ordering::Acquire)
    }

    /// Whether one was since the last time.
    pub(super) fn take_rewind(&self) -> bool {
        self.rewind.swap(false, Ordering::AcqRel)
    }

    /// Everything that was accepted is with Redis, and nothing more will be.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
        self.moved.send_replace(());
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Accepted and not committed.
    pub(super) fn waiting(&self) -> u64 {
        let waiting = |n: &Numbers| {
            let committed = n.committed.load(Ordering::Acquire);
            n.accepted.load(Ordering::Acquire).saturating_sub(committed)
        };
        self.numbers.iter().map(waiting).sum()
    }

    /// Waits until all that is accepted by now is committed.
    pub(super) async fn settled(&self) {
        let accepted = self
            .numbers
            .iter()
            .map(|n| n.accepted.load(Ordering::Acquire));
        let accepted: Vec<u64> = accepted.collect();
        self.until(|| {
            let mut both = self.numbers.iter().zip(&accepted);
            both.all(|(n, accepted)| n.committed.load(Ordering::Acquire) >= *accepted)
        })
        .await;
    }

    /// Waits until something is so that moves with these numbers.
    pub(super) async fn until(&self, is_so: impl Fn() -> bool) {
        let mut moved = self.moved.subscribe();
        // An error says that the sender is gone, which is ourselves.
        moved.wait_for(|()| is_so()).await.ok();
    }

    /// Notes that entries are gone; the first reason stays.
    pub(super) fn lose(&self, reason: String) {
        self.lost.send_if_modified(|lost| {
            let is_first = lost.is_none();
            if is_first {
                *lost = Some(reason.into());
            }
            is_first
        });
    }

    /// # Errors
    /// When the queue was lost.
    pub(super) fn check(&self) -> Result<(), QueueError> {
        match &*self.lost.borrow() {
            Some(reason) => Err(QueueError::Lost(Arc::clone(reason))),
            None => Ok(()),
        }
    }

    /// Waits until the queue is lost, and says why.
    pub(super) async fn lost(&self) -> QueueError {
        let mut lost = self.lost.subscribe();
        let reason = lost.wait_for(Option::is_some).await;
        reason
            .ok()
            .and_then(|reason| reason.clone())
            .map_or(QueueError::Closed, QueueError::Lost)
    }
}
