//! When to append a mark, and to where.
//!
//! A mark says "everything of this source up to seq is already in the queue before me". It goes to every partition,
//! also to those that had nothing: the lowest committed mark is the saved cursor, so quiet partitions must not hold
//! it back.

use std::time::{Duration, Instant};

use crate::entry::{Entry, Source};
use crate::limits;
use crate::queue::{Queue, QueueError};

/// The cadence of one source's marks.
#[derive(Debug)]
pub(super) struct Marks {
    source: Source,
    partitions: u16,
    marked_seq: Option<i64>,
    events: u64,
    last: Instant,
}

impl Marks {
    pub(super) fn new(source: Source, partitions: u16) -> Self {
        Self {
            source,
            partitions,
            marked_seq: None,
            events: 0,
            last: Instant::now(),
        }
    }

    /// Notes an event that the next mark may cover.
    pub(super) fn event(&mut self) {
        self.events += 1;
    }

    /// Whether it is time to ask how far the lanes are.
    pub(super) fn is_due(&self) -> bool {
        self.events >= limits::MARK_EVENTS
            || (self.events > 0
                && self.last.elapsed() >= Duration::from_millis(limits::MARK_INTERVAL_MS))
    }

    /// Notes that the lanes were asked.
    pub(super) fn asked(&mut self) {
        self.events = 0;
        self.last = Instant::now();
    }

    /// Appends marks: all of the source up to `seq` is in the queue. Nothing happens when that is known already.
    pub(super) async fn append(&mut self, seq: i64, queue: &dyn Queue) -> Result<(), QueueError> {
        if self.marked_seq.is_some_and(|marked| seq <= marked) {
            return Ok(());
        }
        for partition in 0..self.partitions {
            let source = self.source.clone();
            queue.append(partition, Entry::Mark { source, seq }).await?;
        }
        self.marked_seq = Some(seq);
        Ok(())
    }
}
