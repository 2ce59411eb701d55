//! When the statement on a connection has to end, as SQLite's progress handler asks while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A moment that can be moved while another thread looks at it.
#[derive(Debug)]
pub(super) struct Deadline {
    start: Instant,
    /// Microseconds after `start`; [`NEVER`] when nothing is running.
    at_us: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Default for Deadline {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            at_us: AtomicU64::new(NEVER),
        }
    }
}

impl Deadline {
    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(NEVER - 1)
    }

    /// `ms` from now.
    pub(super) fn set(&self, ms: u64) {
        let at_us = self.now_us().saturating_add(ms * 1_000);
        self.at_us.store(at_us, Ordering::Relaxed);
    }

    /// At once.
    pub(super) fn stop(&self) {
        self.at_us.store(0, Ordering::Relaxed);
    }

    /// Never.
    pub(super) fn clear(&self) {
        self.at_us.store(NEVER, Ordering::Relaxed);
    }

    /// Whether the statement has to end.
    pub(super) fn is_over(&self) -> bool {
        let at_us = self.at_us.load(Ordering::Relaxed);
        at_us != NEVER && self.now_us() >= at_us
    }
}
