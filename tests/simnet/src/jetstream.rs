//! A Jetstream (version 1): the world's events as JSON over WebSocket, `/subscribe`.
//!
//! What it promises is what the real one promises: filters by collection and account, a cursor in
//! microseconds after which it replays, and no proof of anything. A cursor that is too old starts
//! at the oldest event that is kept, without a word. With `compress=true` or the header
//! `Socket-Encoding: zstd` each event is one zstd frame, with the dictionary that a test gave, else
//! with none. `#sync` has no form here.

mod event;
mod filter;
mod socket;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::routing::get;
use tokio::sync::watch;

use crate::frame::Frame;
use crate::network::Shared;
use event::Event;

/// What a Jetstream does against the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Twist {
    /// A record that is not in the repository, with a CID that fits it.
    Lie,
    /// The record, with a CID that does not fit it.
    WrongCid,
    /// An event that is not sent to anybody.
    Drop,
    /// An event that is sent twice, under the same time.
    Duplicate,
    /// A message of a kind that nobody knows, before the event.
    UnknownKind,
    /// A message that is no JSON, before the event.
    Garbage,
    /// The end of a connection, with a close message, after so many of its events.
    Close,
    /// A zstd frame that would grow to 256 MiB, before the event; on compressed connections only.
    Bomb,
}

const TWISTS: usize = Twist::Bomb as usize + 1;

/// What a Jetstream keeps, its knobs and its counters. May be changed while the network runs.
pub struct Jetstream {
    kept: Mutex<Kept>,
    events_max: usize,
    /// The number of the next event.
    head: watch::Sender<u64>,
    every: [AtomicU64; TWISTS],
    seen: [AtomicU64; TWISTS],
    fired: [AtomicU64; TWISTS],
    dictionary: Mutex<Option<Arc<[u8]>>>,
    connected: Mutex<Vec<String>>,
    drops: watch::Sender<u64>,
    updates: AtomicU64,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Arc<Event>>,
    /// The number of the first event that is kept.
    first: u64,
    last_us: u64,
}

impl Jetstream {
    pub(crate) fn new(events_max: usize) -> Self {
        Jetstream {
            kept: Mutex::default(),
            events_max,
            head: watch::Sender::new(0),
            every: Default::default(),
            seen: Default::default(),
            fired: Default::default(),
            dictionary: Mutex::default(),
            connected: Mutex::default(),
            drops: watch::Sender::new(0),
            updates: AtomicU64::new(0),
        }
    }

    /// Does `twist` at every `n`-th event, 0 is never. [`Twist::Lie`] and [`Twist::WrongCid`] count
    /// events with a record only; [`Twist::Close`] counts each connection's events.
    pub fn every(&self, twist: Twist, n: u64) {
        self.every[twist as usize].store(n, Ordering::Relaxed);
    }

    /// How often `twist` was done.
    pub fn fired(&self, twist: Twist) -> u64 {
        self.fired[twist as usize].load(Ordering::Relaxed)
    }

    /// The zstd dictionary of compressed connections from now on; a client must have the same.
    pub fn dictionary(&self, dictionary: Option<&[u8]>) {
        let mut own = self
            .dictionary
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *own = dictionary.map(Arc::from);
    }

    fn own_dictionary(&self) -> Option<Arc<[u8]>> {
        let own = self
            .dictionary
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        own.clone()
    }

    fn note_connection(&self, query: String) {
        let mut connected = self
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connected.push(query);
    }

    /// Cuts every connection without a word.
    pub fn drop_connections(&self) {
        self.drops.send_modify(|drops| *drops += 1);
    }

    /// The query of each connection so far, in order.
    pub fn connections(&self) -> Vec<String> {
        let connected = self
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connected.clone()
    }

    /// How many `options_update` messages were taken.
    pub fn updates(&self) -> u64 {
        self.updates.load(Ordering::Relaxed)
    }

    /// The time of the last event (us since 1970); 0 before the first.
    pub fn last_us(&self) -> u64 {
        self.kept().last_us
    }

    /// Takes the events of a frame: one for each operation, none for a `#sync`.
    pub(crate) fn append(&self, frame: &Frame) {
        let Some(news) = &frame.news else { return };
        let mut kept = self.kept();
        for draft in event::drafts(news) {
            if self.due(Twist::Drop) {
                continue;
            }
            let lies = draft.has_record();
            let lie = lies && self.due(Twist::Lie);
            let wrong_cid = lies && self.due(Twist::WrongCid);
            let time_us = news.time_us.max(kept.last_us + 1);
            kept.last_us = time_us;
            let event = Arc::new(draft.at(time_us, lie, wrong_cid));
            if self.due(Twist::UnknownKind) {
                kept.events.push_back(Arc::new(Event::unknown(time_us)));
            }
            if self.due(Twist::Garbage) {
                kept.events.push_back(Arc::new(Event::garbage(time_us)));
            }
            if self.due(Twist::Duplicate) {
                kept.events.push_back(Arc::clone(&event));
            }
            kept.events.push_back(event);
        }
        while kept.events.len() > self.events_max {
            kept.events.pop_front();
            kept.first += 1;
        }
        self.head
            .send_replace(kept.first + kept.events.len() as u64);
    }

    /// The number of the first event after a cursor, which may be too old; the next one without.
    fn from(&self, cursor_us: Option<u64>) -> u64 {
        let kept = self.kept();
        let after = match cursor_us {
            Some(cursor_us) => kept.events.partition_point(|e| e.time_us <= cursor_us),
            None => kept.events.len(),
        };
        kept.first + after as u64
    }

    /// The event of a number, or the oldest that is kept, with its number.
    fn event(&self, number: u64) -> Option<(u64, Arc<Event>)> {
        let kept = self.kept();
        let number = number.max(kept.first);
        let event = kept.events.get((number - kept.first) as usize);
        event.map(|event| (number, Arc::clone(event)))
    }

    /// Counts an occasion for `twist`, and the twist when it is its turn.
    fn due(&self, twist: Twist) -> bool {
        let n = self.every[twist as usize].load(Ordering::Relaxed);
        if n == 0 {
            return false;
        }
        let occasion = self.seen[twist as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let due = occasion.is_multiple_of(n);
        self.fired[twist as usize].fetch_add(u64::from(due), Ordering::Relaxed);
        due
    }

    /// Whether a connection that has sent `events` events is to be closed now; counts it if so.
    fn closes_after(&self, events: u64) -> bool {
        let n = self.every[Twist::Close as usize].load(Ordering::Relaxed);
        let closes = n > 0 && events >= n;
        self.fired[Twist::Close as usize].fetch_add(u64::from(closes), Ordering::Relaxed);
        closes
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/subscribe", get(socket::subscribe))
        .with_state(shared)
}
