//! The pulse of the stream: how long ago it said something, whether what it says reaches the store, and which
//! collections went quiet.
//!
//! Guarantees: noting takes a short lock and allocates only for a collection's first event; memory is bounded. Judges
//! and tells; reconnecting is the sources' work.

mod noting;
mod rates;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use noting::Noting;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::limits;
use rates::Rates;

/// What is noted of one host's stream, whatever source it comes from.
#[derive(Debug)]
pub struct Pulse {
    clock: Clock,
    connected: watch::Sender<bool>,
    noted: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    /// When the last message came, or the host started.
    heard_us: i64,
    /// Mean distance between an event and its arrival (us).
    behind_us: Option<f64>,
    cursor: Option<i64>,
    cursor_us: i64,
    /// When the first event came that a later cursor should cover.
    unsaved_us: Option<i64>,
    rates: Rates,
}

/// How the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// Events come, and they are of now.
    Live,
    /// Events come, and they are of the past.
    CatchingUp,
    /// Events come, and the saved cursor stands still.
    Stalled,
    /// Connected, and nothing comes.
    Quiet,
    /// Not connected.
    Disconnected,
}

impl StreamState {
    /// The word shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::CatchingUp => "catching-up",
            Self::Stalled => "stalled",
            Self::Quiet => "quiet",
            Self::Disconnected => "disconnected",
        }
    }
}

/// The pulse at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulseReport {
    /// How the stream is.
    pub state: StreamState,
    /// Since the last message, or the start (s).
    pub silent_s: u64,
    /// Since the saved cursor moved, or the start (s).
    pub cursor_still_s: u64,
    /// Collections that are quiet against their own rate, while the stream as a whole is live.
    pub quiet_collections: Vec<String>,
}

impl Pulse {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let now_us = clock.now_us();
        let noted = Noted {
            heard_us: now_us,
            behind_us: None,
            cursor: None,
            cursor_us: now_us,
            unsaved_us: None,
            rates: Rates::default(),
        };
        Self {
            clock,
            connected: watch::Sender::new(false),
            noted: Mutex::new(noted),
        }
    }

    /// A connection stands, or has ended.
    pub fn connected(&self, connected: bool) {
        self.connected.send_replace(connected);
    }

    /// Waits until a connection stands: what is listed from then on, and what comes, leave nothing out between them.
    pub async fn until_connected(&self) {
        // The sender is ours, so the wait cannot fail.
        self.connected.subscribe().wait_for(|is| *is).await.ok();
    }

    /// A message came.
    pub fn heard(&self) {
        let now_us = self.clock.now_us();
        self.noted().heard_us = now_us;
    }

    /// A new event came; `time_us` is when it happened, as far as it says.
    pub fn event(&self, time_us: Option<i64>) {
        /// The weight of one event in the mean.
        const WEIGHT: f64 = 1.0 / 32.0;
        let now_us = self.clock.now_us();
        let mut noted = self.noted();
        noted.unsaved_us.get_or_insert(now_us);
        if let Some(time_us) = time_us {
            let step_us = now_us.saturating_sub(time_us).max(0) as f64;
            let behind_us = noted.behind_us.get_or_insert(step_us);
            *behind_us += (step_us - *behind_us) * WEIGHT;
        }
    }

    /// An operation on a record of a wanted collection came, that happened at `time_us`.
    pub fn operation(&self, collection: &str, time_us: i64) {
        let now_us = self.clock.now_us();
        self.noted().rates.note(collection, time_us, now_us);
    }

    /// The saved cursor as it is now.
    pub fn cursor(&self, cursor: Option<i64>) {
        let now_us = self.clock.now_us();
        let mut noted = self.noted();
        if noted.cursor != cursor {
            noted.cursor = cursor;
            noted.cursor_us = now_us;
            noted.unsaved_us = None;
        }
    }

    /// How it is now.
    #[must_use]
    pub fn report(&self) -> PulseReport {
        let now_us = self.clock.now_us();
        let noted = self.noted();
        let state = if *self.connected.borrow() {
            noted.state(now_us)
        } else {
            StreamState::Disconnected
        };
        let quiet_collections = match state {
            StreamState::Live => noted.rates.quiet(now_us),
            _ => Vec::new(),
        };
        PulseReport {
            state,
            silent_s: seconds(now_us - noted.heard_us),
            cursor_still_s: seconds(now_us - noted.cursor_us),
            quiet_collections,
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// While connected.
    fn state(&self, now_us: i64) -> StreamState {
        let waits_us = self.unsaved_us.map_or(0, |since_us| now_us - since_us);
        if waits_us > limits::STREAM_STALL_US {
            StreamState::Stalled
        } else if now_us - self.heard_us > limits::STREAM_QUIET_US {
            StreamState::Quiet
        } else if self.behind_us.unwrap_or_default() > limits::STREAM_BEHIND_US as f64 {
            StreamState::CatchingUp
        } else {
            StreamState::Live
        }
    }
}

fn seconds(us: i64) -> u64 {
    u64::try_from(us / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests;
