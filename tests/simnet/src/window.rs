//! The back-window: the last events, for cursors.

use std::collections::VecDeque;

use crate::frame::Frame;

/// The last events, bounded in number and bytes.
#[derive(Debug)]
pub(crate) struct Window {
    frames: VecDeque<Frame>,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
    /// The last seq that was forgotten; 0 when none was.
    forgotten: u64,
}

impl Window {
    pub(crate) fn new(events_max: usize, bytes_max: usize) -> Self {
        Window {
            frames: VecDeque::new(),
            bytes: 0,
            events_max,
            bytes_max,
            forgotten: 0,
        }
    }

    /// The highest seq that would be forgotten if `frame` were added; none if there is room.
    pub(crate) fn would_forget(&self, frame: &Frame) -> Option<u64> {
        let mut events = self.frames.len() + 1;
        let mut bytes = self.bytes + frame.bytes.len();
        let mut last = None;
        for old in &self.frames {
            if events <= self.events_max && bytes <= self.bytes_max {
                break;
            }
            (events, bytes, last) = (events - 1, bytes - old.bytes.len(), Some(old.seq));
        }
        last
    }

    /// Adds an event, forgets what is then over the bounds.
    pub(crate) fn push(&mut self, frame: Frame) {
        let forget = self.would_forget(&frame);
        while let Some(old) = self.frames.front().filter(|old| Some(old.seq) <= forget) {
            (self.bytes, self.forgotten) = (self.bytes - old.bytes.len(), old.seq);
            self.frames.pop_front();
        }
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
    }

    /// Up to `most` events after `seq`, oldest first.
    pub(crate) fn after(&self, seq: u64, most: usize) -> Vec<Frame> {
        let from = self.frames.partition_point(|frame| frame.seq <= seq);
        self.frames.range(from..).take(most).cloned().collect()
    }

    /// The last seq that is there or was; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.frames.back().map_or(self.forgotten, |frame| frame.seq)
    }

    /// The last seq that is no longer there; 0 when everything is.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whether a consumer that has seen everything up to `seq` would miss an event.
    pub(crate) fn is_outdated(&self, seq: u64) -> bool {
        seq < self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Status;

    fn window_of(
        seqs: std::ops::RangeInclusive<u64>,
        events_max: usize,
        bytes_max: usize,
    ) -> Window {
        let mut window = Window::new(events_max, bytes_max);
        for seq in seqs {
            window.push(Frame::account(seq, "did:plc:a", "t", Status::Active).unwrap());
        }
        window
    }

    fn seqs(frames: &[Frame]) -> Vec<u64> {
        frames.iter().map(|f| f.seq).collect()
    }

    #[test]
    fn the_oldest_events_go_first() {
        let window = window_of(1..=10, 4, usize::MAX);
        assert_eq!(seqs(&window.after(0, 100)), [7, 8, 9, 10]);
        assert_eq!(seqs(&window.after(8, 1)), [9]);
        assert!(window.is_outdated(5));
        assert!(!window.is_outdated(6));
    }

    #[test]
    fn bytes_bound_it_too() {
        let size = Frame::account(1, "did:plc:a", "t", Status::Active)
            .unwrap()
            .bytes
            .len();
        let window = window_of(1..=10, 100, 3 * size);
        assert_eq!(seqs(&window.after(0, 100)), [8, 9, 10]);
    }

    #[test]
    fn an_unfull_window_outdates_nobody() {
        assert!(!window_of(1..=3, 4, usize::MAX).is_outdated(0));
    }
}
