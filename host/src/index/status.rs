//! What a consumer is doing, for people's eyes and for draining.

use std::sync::Mutex;

use crate::store::Pos;

/// Whether a consumer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerState {
    /// Follows the feed.
    Running,
    /// Its plugin kept failing: the position stands still until the host starts again or another version comes.
    Quarantined,
    /// Ended.
    Stopped,
}

/// One consumer's figures.
#[derive(Clone, Debug)]
pub struct ConsumerSnapshot {
    /// Whether it goes on.
    pub state: ConsumerState,
    /// The last pos that it has dealt with, by partition.
    pub positions: Vec<Pos>,
    /// Rows written since the start.
    pub rows: u64,
    /// Changes handed to the guest since the start.
    pub changes: u64,
    /// Dead letters since the start.
    pub dead: u64,
    /// Time inside the guest since the start (microseconds).
    pub guest_us: u64,
}

/// Shared between a consumer and those who look at it.
#[derive(Debug)]
pub struct ConsumerStatus(Mutex<ConsumerSnapshot>);

impl ConsumerStatus {
    pub(super) fn new(positions: Vec<Pos>) -> Self {
        Self(Mutex::new(ConsumerSnapshot {
            state: ConsumerState::Running,
            positions,
            rows: 0,
            changes: 0,
            dead: 0,
            guest_us: 0,
        }))
    }

    /// The figures now.
    #[must_use]
    pub fn snapshot(&self) -> ConsumerSnapshot {
        self.lock().clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ConsumerSnapshot)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ConsumerSnapshot> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
