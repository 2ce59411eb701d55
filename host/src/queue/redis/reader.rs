//! Reading: entries behind the last one that was read, in order, without a gap.
//!
//! Guarantees: only what follows the last entry is given out; a gap, an entry of another epoch and bytes that are not an
//! entry mean that the queue is lost. A batch that is dropped without being committed is read again.

use std::sync::Arc;

use futures_util::future::join_all;
use redis::RedisError;

use super::id::Id;
use super::link::Link;
use super::scripts::{self, ENTRY, Fields};
use super::state::State;
use super::wire;
use crate::entry::{Entry, Partition};
use crate::limits;
use crate::queue::{Batch, Claim};
use crate::telemetry::{Counter, Counters};

/// The one who reads.
pub(super) struct Reader {
    pub(super) state: Arc<State>,
    pub(super) link: Link,
    pub(super) counters: Arc<Counters>,
    /// By partition: the number of the last entry that was given out.
    pub(super) last: Vec<u64>,
    /// The partition that is asked first, so that a busy one does not starve the others.
    pub(super) turn: usize,
}

/// What one batch takes of one partition.
#[derive(Debug)]
struct Span {
    partition: Partition,
    from: u64,
    to: u64,
}

impl Reader {
    /// Waits for entries; none when the queue is closed and all was read.
    pub(super) async fn next(&mut self, limit: usize) -> Option<Batch> {
        loop {
            if self.state.take_rewind() {
                let committed = (0..self.last.len()).map(|p| self.state.last_committed(p));
                self.last = committed.collect();
            }
            let is_finished = self.state.is_finished();
            let (state, last) = (&self.state, &self.last);
            if !is_behind(state, last) {
                if is_finished {
                    return None;
                }
                let moved = || state.is_finished() || state.rewinds() || is_behind(state, last);
                state.until(moved).await;
                continue;
            }
            if let Some(batch) = self.fetch(limit).await {
                return Some(batch);
            }
        }
    }

    /// The partitions of which Redis has something behind these, in turn.
    fn ready(&mut self, last: &[u64]) -> Vec<usize> {
        let count = last.len();
        self.turn = (self.turn + 1) % count.max(1);
        let in_turn = (0..count).map(|i| (self.turn + i) % count);
        in_turn
            .filter(|p| self.state.last_sent(*p) > last[*p])
            .collect()
    }

    /// One batch; none after trouble, which was waited for. Only a whole batch moves the reader.
    async fn fetch(&mut self, limit: usize) -> Option<Batch> {
        let mut taking = Taking::new(&self.last);
        let mut trouble = None;
        while trouble.is_none()
            && taking.entries.len() < limit
            && taking.bytes < limits::REDIS_READ_BYTES_MAX
        {
            let room = limit - taking.entries.len();
            let mut ready = self.ready(&taking.last);
            ready.truncate(room.min(limits::REDIS_READS_AT_ONCE));
            if ready.is_empty() {
                break;
            }
            trouble = self.round(&ready, room, &mut taking).await.err();
            if taking.is_lost {
                return None;
            }
        }
        if taking.entries.is_empty() {
            if let Some(error) = trouble {
                self.link.failed(&error).await;
            }
            return None;
        }
        self.last = taking.last;
        let claim = Box::new(Taken {
            state: Arc::clone(&self.state),
            spans: taking.spans,
            is_committed: false,
        });
        let entries = taking.entries;
        Some(Batch { entries, claim })
    }

    /// Asks some partitions once.
    async fn round(
        &mut self,
        partitions: &[usize],
        room: usize,
        taking: &mut Taking,
    ) -> Result<(), RedisError> {
        let connection = self.link.connection().await?;
        let count = (room / partitions.len()).clamp(1, limits::REDIS_READ_ENTRIES_MAX);
        let asked = partitions.iter().map(|p| {
            let last = taking.id(&self.state, *p);
            let range = scripts::range(connection.clone(), &self.state.keys[*p], last, count);
            async move { (*p, range.await) }
        });
        for (p, found) in join_all(asked.collect::<Vec<_>>()).await {
            let found = found?;
            self.link.worked();
            if let Err(reason) = taking.take(&self.state, p, found) {
                if let NotOurs::Junk = reason.kind {
                    self.counters.add(Counter::QueueJunk, 1);
                    tracing::error!(reason = reason.text, "queue.junk: an entry is not ours");
                }
                self.state.lose(reason.text);
                taking.is_lost = true;
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A batch that is being read.
struct Taking {
    entries: Vec<(Partition, Entry)>,
    spans: Vec<Span>,
    /// By partition: the number of the last entry that was taken.
    last: Vec<u64>,
    bytes: usize,
    is_lost: bool,
}

/// Why what was found is not what follows.
struct Wrong {
    kind: NotOurs,
    text: String,
}

enum NotOurs {
    Gap,
    Junk,
}

impl Taking {
    fn new(last: &[u64]) -> Self {
        Self {
            entries: Vec::new(),
            spans: Vec::new(),
            last: last.to_vec(),
            bytes: 0,
            is_lost: false,
        }
    }

    fn id(&self, state: &State, p: usize) -> Id {
        Id {
            epoch: state.epoch,
            n: self.last[p],
        }
    }

    /// Takes what follows the last entry of a partition.
    fn take(&mut self, state: &State, p: usize, found: Vec<(Id, Fields)>) -> Result<(), Wrong> {
        let key = &state.keys[p];
        let from = self.last[p];
        let gap = |text| {
            Err(Wrong {
                kind: NotOurs::Gap,
                text,
            })
        };
        if found.is_empty() {
            return gap(format!("{key} has nothing behind entry {from}"));
        }
        let partition = Partition::try_from(p).unwrap_or_default();
        for (id, fields) in found {
            self.last[p] += 1;
            let next = self.id(state, p);
            if id != next {
                return gap(format!("{key} should have {next}, and has {id}"));
            }
            self.bytes += fields.iter().map(Vec::len).sum::<usize>();
            let entry = decoded(&fields).map_err(|why| Wrong {
                kind: NotOurs::Junk,
                text: format!("{key} has an entry {id} that is not ours: {why}"),
            })?;
            self.entries.push((partition, entry));
        }
        self.spans.push(Span {
            partition,
            from,
            to: self.last[p],
        });
        Ok(())
    }
}

fn is_behind(state: &State, last: &[u64]) -> bool {
    let mut all = last.iter().enumerate();
    all.any(|(p, last)| state.last_sent(p) > *last)
}

fn decoded(fields: &[Vec<u8>]) -> Result<Entry, String> {
    match fields {
        [name, bytes] if name == ENTRY.as_bytes() => {
            wire::decode(bytes).map_err(|error| error.to_string())
        }
        _ => Err("expected one field".to_owned()),
    }
}

/// A batch in somebody's hands.
struct Taken {
    state: Arc<State>,
    spans: Vec<Span>,
    is_committed: bool,
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.spans).finish()
    }
}

impl Claim for Taken {
    fn commit(mut self: Box<Self>) {
        for span in &self.spans {
            self.state.committed(span.partition, span.from, span.to);
        }
        self.is_committed = true;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.is_committed {
            self.state.dropped();
        }
    }
}
