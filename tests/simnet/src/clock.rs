//! The world's clock: strictly increasing microseconds, logical or from the wall.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Starts at `start_us` (microseconds since 1970) and moves only when something happens, so
    /// that equal seeds give equal bytes.
    Logical {
        /// The first instant (us since 1970).
        start_us: u64,
    },
    /// The machine's clock: for a network that is watched.
    Wall,
}

impl Default for Time {
    /// Logical, from 2026-03-01T00:00:00Z.
    fn default() -> Self {
        Time::Logical {
            start_us: 1_772_323_200_000_000,
        }
    }
}

/// A strictly increasing clock.
#[derive(Debug)]
pub(crate) struct Clock {
    time: Time,
    now_us: u64,
}

impl Clock {
    pub(crate) fn new(time: Time) -> Self {
        let now_us = match time {
            Time::Logical { start_us } => start_us,
            Time::Wall => wall_us(),
        };
        Clock { time, now_us }
    }

    /// Moves on by `step_us` (logical) or to the present (wall), by one microsecond at least.
    pub(crate) fn advance(&mut self, step_us: u64) -> u64 {
        let next = match self.time {
            Time::Logical { .. } => self.now_us + step_us,
            Time::Wall => wall_us(),
        };
        self.now_us = next.max(self.now_us + 1);
        self.now_us
    }
}

fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

/// An atproto datetime with milliseconds, in UTC, of a time since 1970 (us).
#[must_use]
pub fn datetime(us: u64) -> String {
    let seconds = us / 1_000_000;
    let (days, in_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (h, m, s) = (in_day / 3_600, in_day / 60 % 60, in_day % 60);
    let ms = us / 1_000 % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}

/// The date of a day counted from 1970-01-01, year by year and month by month.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let leap = |y: u64| (y.is_multiple_of(4) && !y.is_multiple_of(100)) || y.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    for (index, length) in lengths.into_iter().enumerate() {
        if days < length {
            return (year, index + 1, days + 1);
        }
        days -= length;
    }
    (year, 12, 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetimes_are_those_of_the_calendar() {
        assert_eq!(datetime(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(datetime(951_782_400_000_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(datetime(1_772_323_199_999_000), "2026-02-28T23:59:59.999Z");
        assert_eq!(datetime(4_102_444_799_000_000), "2099-12-31T23:59:59.000Z");
    }

    #[test]
    fn the_logical_clock_only_moves_forward() {
        let mut clock = Clock::new(Time::Logical { start_us: 10 });
        assert_eq!(clock.advance(0), 11);
        assert_eq!(clock.advance(5), 16);
    }
}
