//! The host consumer: the only reader of the queue, the only writer of the archive.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::fault::crash;
use crate::limits;
use crate::queue::{Batch, Queue};
use crate::store::{ArchiveUnit, Archived, Feed, Store, StoreError, retry};
use crate::telemetry::{Counter, Counters};

/// The host consumer's parts.
pub struct Archiver {
    /// What it reads.
    pub queue: Arc<dyn Queue>,
    /// What it writes.
    pub store: Arc<dyn Store>,
    /// Whom it tells.
    pub feed: Arc<Feed>,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// First-seen times.
    pub clock: Clock,
}

/// What is left to do of accounts that changed.
#[derive(Clone, Copy)]
struct Left {
    redo: bool,
    erase: bool,
}

impl Left {
    fn any(self) -> bool {
        self.redo || self.erase
    }
}

impl Archiver {
    /// Archives until the queue is closed and drained. `abandon` gives up on a store that does not answer.
    ///
    /// # Errors
    /// When the store refuses for good: the archive cannot go on without us understanding why.
    pub async fn run(self, abandon: CancellationToken) -> Result<(), StoreError> {
        // An earlier run may have left accounts half done.
        let mut left = Left {
            redo: true,
            erase: true,
        };
        loop {
            if left.any() && self.queue.is_empty() {
                left = self.step(left, &abandon).await?;
                continue;
            }
            let batch = match self.queue.read(limits::ARCHIVE_BATCH_ENTRIES_MAX).await {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "index.queue: nothing more is read");
                    break;
                }
            };
            let archived = self.archive(batch, &abandon).await?;
            left.redo |= archived.redo;
            left.erase |= archived.erase;
            if left.any() {
                // One step for each batch, so that a busy queue does not put it off for ever.
                left = self.step(left, &abandon).await?;
            }
        }
        while left.any() {
            left = self.step(left, &abandon).await?;
        }
        Ok(())
    }

    async fn archive(
        &self,
        mut batch: Batch,
        abandon: &CancellationToken,
    ) -> Result<Archived, StoreError> {
        crash::at(crash::ARCHIVE_BEGINS);
        let entries = Arc::new(std::mem::take(&mut batch.entries));
        let now_us = self.clock.now_us();
        let mut tries = 0;
        let mut archived = retry::until_done("archive", abandon, || {
            tries += 1;
            let entries = Arc::clone(&entries);
            self.store.archive(ArchiveUnit { entries, now_us })
        })
        .await?;
        crash::at(crash::ARCHIVED);
        if tries > 1 {
            // A try without an answer may have been committed: then this one changed nothing, and says so.
            (archived.redo, archived.erase) = (true, true);
            self.tell_heads(abandon).await?;
        }
        self.feed.push(&archived);
        self.count(&archived);
        crash::at(crash::TRIMS);
        // Only now does the queue get its room back.
        batch.committed();
        Ok(archived)
    }

    /// One step of an erasure, or of a redo when none waits.
    async fn step(&self, mut left: Left, abandon: &CancellationToken) -> Result<Left, StoreError> {
        let mut tries = 0;
        let step = if left.erase {
            let step = retry::until_done("erase", abandon, || {
                tries += 1;
                self.store.erase_step()
            });
            let step = step.await?;
            left.erase = step.more;
            step
        } else {
            let step = retry::until_done("redo", abandon, || {
                tries += 1;
                self.store.redo_step()
            });
            let step = step.await?;
            left.redo = step.more;
            step
        };
        if let Some((partition, pos)) = step.moved {
            self.feed.void(partition, pos);
        }
        if tries > 1 {
            self.tell_heads(abandon).await?;
        }
        Ok(left)
    }

    /// Tells readers where the store stands, whoever moved it.
    async fn tell_heads(&self, abandon: &CancellationToken) -> Result<(), StoreError> {
        let heads = retry::until_done("heads", abandon, || self.store.heads()).await?;
        for (partition, head) in (0..).zip(heads.partitions) {
            self.feed.void(partition, head.pos);
        }
        Ok(())
    }

    fn count(&self, archived: &Archived) {
        self.counters.add(Counter::Commits, archived.commits);
        self.counters
            .add(Counter::CommitsReplayed, archived.replayed);
        self.counters.add(Counter::EntriesErased, archived.erased);
        self.counters.add(Counter::Records, archived.ops);
        self.counters.add(Counter::HostDeadLetters, archived.dead);
    }
}
