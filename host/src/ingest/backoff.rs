//! How long to wait before the next try: doubled, capped, jittered, reset by progress.

use std::time::Duration;

use crate::limits;

/// Waits between tries of one thing.
#[derive(Debug)]
pub struct Backoff {
    next_ms: u64,
}

impl Backoff {
    /// Before the first try.
    #[must_use]
    pub fn new() -> Self {
        Self {
            next_ms: limits::RECONNECT_MIN_MS,
        }
    }

    /// Something worked: the next wait is the shortest again.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// The next wait: between half and all of the current step, so that a thousand hosts do not come back at once.
    pub fn next_wait(&mut self) -> Duration {
        let step_ms = self.next_ms;
        self.next_ms = (step_ms * 2).min(limits::RECONNECT_MAX_MS);
        Duration::from_millis(rand::random_range(step_ms / 2..=step_ms))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_progress_resets_them() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            assert!(backoff.next_wait() <= Duration::from_millis(limits::RECONNECT_MAX_MS));
        }
        assert!(backoff.next_wait() >= Duration::from_millis(limits::RECONNECT_MAX_MS / 2));
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(limits::RECONNECT_MIN_MS));
    }
}
