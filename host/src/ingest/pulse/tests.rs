use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;

/// A pulse whose clock the test drives.
struct Driven {
    now_us: Arc<AtomicI64>,
    pulse: Pulse,
}

impl Driven {
    fn new() -> Self {
        let now_us = Arc::new(AtomicI64::new(1_800_000_000 * SECOND_US));
        let clock = Arc::clone(&now_us);
        let pulse = Pulse::new(Clock::from_fn(move || clock.load(Ordering::Relaxed)));
        Self { now_us, pulse }
    }

    fn now_us(&self) -> i64 {
        self.now_us.load(Ordering::Relaxed)
    }

    fn pass(&self, us: i64) {
        self.now_us.fetch_add(us, Ordering::Relaxed);
    }

    /// An event of now, and the cursor behind it.
    fn event(&self, cursor: i64) {
        self.pulse.heard();
        self.pulse.event(Some(self.now_us()));
        self.pulse.cursor(Some(cursor));
    }

    fn state(&self) -> StreamState {
        self.pulse.report().state
    }
}

#[test]
fn a_stream_is_disconnected_then_live_then_quiet() {
    let driven = Driven::new();
    assert_eq!(driven.state(), StreamState::Disconnected);
    driven.pulse.connected(true);
    driven.event(1);
    assert_eq!(driven.state(), StreamState::Live);
    driven.pass(2 * MINUTE_US);
    let report = driven.pulse.report();
    assert_eq!(report.state, StreamState::Quiet);
    assert_eq!((report.silent_s, report.cursor_still_s), (120, 120));
    driven.pulse.heard();
    assert_eq!(driven.state(), StreamState::Live);
    driven.pulse.connected(false);
    assert_eq!(driven.state(), StreamState::Disconnected);
}

#[test]
fn events_without_a_cursor_that_moves_are_a_stall_and_silence_is_not() {
    let driven = Driven::new();
    driven.pulse.connected(true);
    driven.event(1);
    driven.pass(60 * MINUTE_US);
    assert_eq!(driven.state(), StreamState::Quiet);
    for minute in 0..7 {
        driven.event(1);
        let expected = if minute > 5 {
            StreamState::Stalled
        } else {
            StreamState::Live
        };
        assert_eq!(driven.state(), expected, "minute {minute}");
        driven.pass(MINUTE_US);
    }
    driven.event(2);
    assert_eq!(driven.state(), StreamState::Live);
}

#[test]
fn events_of_the_past_are_catching_up() {
    let driven = Driven::new();
    driven.pulse.connected(true);
    driven.pulse.heard();
    driven.pulse.event(Some(driven.now_us() - 60 * MINUTE_US));
    assert_eq!(driven.state(), StreamState::CatchingUp);
    // One that lies about its time does not change the word.
    driven.pulse.event(Some(driven.now_us() + MINUTE_US));
    assert_eq!(driven.state(), StreamState::CatchingUp);
    (0..200).for_each(|n| driven.event(n));
    assert_eq!(driven.state(), StreamState::Live);
}

#[test]
fn a_collection_is_called_quiet_only_while_the_stream_is_live() {
    let driven = Driven::new();
    driven.pulse.connected(true);
    for _ in 0..100 {
        driven.pulse.operation("a.b.c", driven.now_us());
        driven.pass(SECOND_US);
    }
    driven.pass(20 * MINUTE_US);
    assert!(driven.pulse.report().quiet_collections.is_empty());
    driven.event(1);
    assert_eq!(driven.pulse.report().quiet_collections, ["a.b.c"]);
}
