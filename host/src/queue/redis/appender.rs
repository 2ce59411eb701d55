//! The task that hands entries to Redis: several in one round trip, each partition's in order.
//!
//! Guarantees: an entry is written once, behind the one before it, or the queue is lost; an outcome that nobody heard of
//! is found out before the next try. Trouble of Redis makes it wait. While nothing is to be sent it looks whether the
//! streams still end where they should: what was lost without a trace shows here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::sync::mpsc;

use super::id::Id;
use super::link::Link;
use super::room::{OnTheWay, Place, Room};
use super::scripts::{self, Answer};
use super::state::State;
use crate::entry::Partition;
use crate::limits;

/// One entry on its way.
pub(super) struct Item {
    pub(super) partition: Partition,
    pub(super) bytes: Vec<u8>,
    pub(super) place: Place,
    pub(super) on_the_way: OnTheWay,
}

/// What the task works with.
pub(super) struct Appender {
    pub(super) state: Arc<State>,
    pub(super) room: Arc<Room>,
    pub(super) link: Link,
    /// By partition.
    pub(super) unsent: Vec<Unsent>,
}

/// What one partition has to send.
#[derive(Default)]
pub(super) struct Unsent {
    items: VecDeque<Item>,
    /// How many items of the front were sent without an answer: they may be there.
    unanswered: usize,
}

impl Appender {
    /// Sends what comes until nobody can send any more, or the queue is lost.
    pub(super) async fn run(mut self, mut items: mpsc::Receiver<Item>) {
        let state = Arc::clone(&self.state);
        tokio::select! {
            () = self.send_all(&mut items) => state.finish(),
            _ = state.lost() => {}
        }
    }

    async fn send_all(&mut self, items: &mut mpsc::Receiver<Item>) {
        let quiet = Duration::from_millis(limits::REDIS_CHECK_MS);
        let mut taken = Vec::with_capacity(limits::REDIS_SEND_ENTRIES_MAX);
        loop {
            let received = items.recv_many(&mut taken, limits::REDIS_SEND_ENTRIES_MAX);
            match tokio::time::timeout(quiet, received).await {
                Ok(0) => return,
                Ok(_) => {
                    for item in taken.drain(..) {
                        self.unsent[usize::from(item.partition)]
                            .items
                            .push_back(item);
                    }
                    self.send(false).await;
                }
                Err(_) => self.send(true).await,
            }
        }
    }

    /// Sends until all is sent. `all`: also looks at partitions that have nothing to send.
    async fn send(&mut self, mut all: bool) {
        while all || self.unsent.iter().any(|unsent| !unsent.items.is_empty()) {
            let done = match self.link.connection().await {
                Ok(connection) => self.round(&connection, all).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {
                    self.link.worked();
                    all = false;
                }
                Err(error) => self.link.failed(&error).await,
            }
        }
    }

    /// One script for each partition. What worked is noted, whatever became of the others.
    async fn round(
        &mut self,
        connection: &MultiplexedConnection,
        all: bool,
    ) -> Result<(), RedisError> {
        let state = &self.state;
        let scripts = self
            .unsent
            .iter_mut()
            .enumerate()
            .filter_map(|(p, unsent)| {
                if unsent.items.is_empty() && !all {
                    return None;
                }
                let last = Id {
                    epoch: state.epoch,
                    n: state.last_sent(p),
                };
                let count = unsent.chunk();
                unsent.unanswered = unsent.unanswered.max(count);
                let entries = unsent.items.iter().take(count);
                let entries = entries.map(|item| item.bytes.as_slice()).collect();
                let script = scripts::append(connection.clone(), &state.keys[p], last, entries);
                Some(async move { (p, last, count, script.await) })
            });
        let answers = join_all(scripts.collect::<Vec<_>>()).await;
        let mut outcome = Ok(());
        for (p, last, count, answer) in answers {
            match answer {
                Ok(Answer::Done { oldest }) => {
                    self.took(p, last.n + count as u64);
                    if let Some(oldest) = oldest.filter(|id| id.epoch == last.epoch) {
                        self.room.free(p, oldest.n.saturating_sub(1));
                    }
                }
                Ok(Answer::Other(found)) => self.elsewhere(p, last, &found),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Redis has all of a partition up to `n`.
    fn took(&mut self, p: usize, n: u64) {
        let unsent = &mut self.unsent[p];
        let mut next = self.state.last_sent(p) + 1;
        while next <= n {
            let Some(item) = unsent.items.pop_front() else {
                break;
            };
            self.room.keep(p, next, item.place);
            drop(item.on_the_way);
            next += 1;
        }
        unsent.unanswered = 0;
        if let Ok(partition) = Partition::try_from(p) {
            self.state.sent(partition, n);
        }
    }

    /// The stream does not end where it should: what was sent before without an answer is there, or it is not ours.
    fn elsewhere(&mut self, p: usize, last: Id, found: &str) {
        let unanswered = self.unsent[p].unanswered as u64;
        match Id::parse(found) {
            Some(id) if id.epoch == last.epoch && id.n > last.n && id.n <= last.n + unanswered => {
                self.took(p, id.n);
            }
            _ => {
                let key = &self.state.keys[p];
                self.state
                    .lose(format!("{key} should end at {last}, and ends at {found}"));
            }
        }
    }
}

impl Unsent {
    /// How many items one script takes.
    fn chunk(&self) -> usize {
        let mut bytes = 0;
        let fits = self.items.iter().take(limits::REDIS_SCRIPT_ENTRIES_MAX);
        let fits = fits.take_while(|item| {
            bytes += item.bytes.len();
            bytes <= limits::REDIS_SCRIPT_BYTES_MAX
        });
        // One that is larger goes alone.
        fits.count().max(1).min(self.items.len())
    }
}
