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
    /// Highest seq whose entries have all been appended.
    appended_seq: Option<i64>,
    marked_seq: Option<i64>,
    events: u64,
    last: Instant,
}

impl Marks {
    pub(super) fn new(source: Source, partitions: u16) -> Self {
        Self {
            source,
            partitions,
            appended_seq: None,
            marked_seq: None,
            events: 0,
            last: Instant::now(),
        }
    }

    /// Notes that everything of the event `seq` has been appended.
    pub(super) fn appended(&mut self, seq: i64) {
        self.appended_seq = Some(self.appended_seq.map_or(seq, |s| s.max(seq)));
        self.events += 1;
    }

    /// Appends marks when it is time.
    pub(super) async fn if_due(&mut self, queue: &dyn Queue) -> Result<(), QueueError> {
        let due = self.events >= limits::MARK_EVENTS
            || (self.events > 0
                && self.last.elapsed() >= Duration::from_millis(limits::MARK_INTERVAL_MS));
        if due { self.flush(queue).await } else { Ok(()) }
    }

    /// Appends marks now, unless nothing is new.
    pub(super) async fn flush(&mut self, queue: &dyn Queue) -> Result<(), QueueError> {
        self.events = 0;
        self.last = Instant::now();
        let Some(seq) = self
            .appended_seq
            .filter(|_| self.appended_seq != self.marked_seq)
        else {
            return Ok(());
        };
        for partition in 0..self.partitions {
            let source = self.source.clone();
            queue.append(partition, Entry::Mark { source, seq }).await?;
        }
        self.marked_seq = Some(seq);
        Ok(())
    }
}
