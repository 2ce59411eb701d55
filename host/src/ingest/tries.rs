//! When a source is given up for the next: after some tries in a row that brought nothing.

use std::time::Duration;

use super::socket::Deadlines;

/// The tries of one source since it last served.
pub(super) struct Tries {
    most: Option<u32>,
    in_vain: u32,
}

impl Tries {
    /// `most` tries in vain; none: it is never given up.
    pub(super) fn new(most: Option<u32>) -> Self {
        Self { most, in_vain: 0 }
    }

    /// A try has ended after `stood`; says whether the source is to be given up. A connection that brought no event
    /// served all the same when it outlived the deadline of silence: its upstream answered, and had nothing to tell.
    pub(super) fn ended(&mut self, progress: bool, stood: Duration, deadlines: Deadlines) -> bool {
        if progress || stood > deadlines.read * 2 {
            self.in_vain = 0;
            return false;
        }
        self.in_vain += 1;
        self.most.is_some_and(|most| self.in_vain >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_in_vain_add_up_until_one_serves() {
        let deadlines = Deadlines::default();
        let short = Duration::from_millis(5);
        let mut tries = Tries::new(Some(3));
        assert!(!tries.ended(false, short, deadlines));
        assert!(!tries.ended(false, short, deadlines));
        assert!(!tries.ended(true, short, deadlines));
        assert!(!tries.ended(false, short, deadlines));
        assert!(!tries.ended(false, deadlines.read * 3, deadlines));
        assert!(!tries.ended(false, short, deadlines));
        assert!(!tries.ended(false, deadlines.read, deadlines));
        assert!(tries.ended(false, short, deadlines));
        let mut alone = Tries::new(None);
        assert!((0..100).all(|_| !alone.ended(false, short, deadlines)));
    }
}
