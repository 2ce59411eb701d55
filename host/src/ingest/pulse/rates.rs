//! How often each wanted collection is written to, and which ones went quiet against that.
//!
//! Intervals are taken from the events' own times, so that catching up looks no busier than it was.

use std::collections::HashMap;

use crate::limits;

/// The rates of a bounded number of collections.
#[derive(Debug, Default)]
pub(super) struct Rates {
    by_collection: HashMap<String, Rate>,
}

#[derive(Debug)]
struct Rate {
    /// Mean time between two events (us).
    interval_us: f64,
    /// The latest event, by its own time.
    event_us: i64,
    /// When an event last came.
    came_us: i64,
    events: u64,
}

impl Rates {
    pub(super) fn note(&mut self, collection: &str, time_us: i64, now_us: i64) {
        /// The weight of one interval in the mean.
        const WEIGHT: f64 = 1.0 / 32.0;
        let time_us = time_us.min(now_us);
        let Some(rate) = self.by_collection.get_mut(collection) else {
            if self.by_collection.len() < limits::RATES_MAX {
                let rate = Rate {
                    interval_us: 0.0,
                    event_us: time_us,
                    came_us: now_us,
                    events: 1,
                };
                self.by_collection.insert(collection.to_owned(), rate);
            }
            return;
        };
        // An event of long ago says nothing about the rate, and one hole is not to spoil it.
        let interval_us = (time_us - rate.event_us).clamp(0, limits::RATE_INTERVAL_US_MAX) as f64;
        // The first intervals weigh alike, until the usual weight is less.
        let weight = WEIGHT.max(1.0 / rate.events as f64);
        rate.interval_us += (interval_us - rate.interval_us) * weight;
        rate.event_us = rate.event_us.max(time_us);
        rate.came_us = now_us;
        rate.events += 1;
    }

    /// Collections of which nothing came for much longer than usual, by name.
    pub(super) fn quiet(&self, now_us: i64) -> Vec<String> {
        let quiet = self.by_collection.iter().filter(|(_, rate)| {
            let usual_us = rate.interval_us * limits::RATE_QUIET_INTERVALS;
            let bound_us = usual_us.max(limits::RATE_QUIET_US_MIN as f64);
            rate.events >= limits::RATE_EVENTS_MIN && (now_us - rate.came_us) as f64 > bound_us
        });
        let mut names: Vec<String> = quiet.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;
    const MINUTE_US: i64 = 60 * SECOND_US;

    /// Events a `step_us` apart from `from_us` on, as they happen; gives the time of the last.
    fn steady(rates: &mut Rates, name: &str, from_us: i64, step_us: i64, n: i64) -> i64 {
        (0..n).for_each(|n| rates.note(name, from_us + n * step_us, from_us + n * step_us));
        from_us + (n - 1) * step_us
    }

    #[test]
    fn a_busy_collection_is_quiet_after_ten_minutes() {
        let mut rates = Rates::default();
        let last_us = steady(&mut rates, "a.b.busy", MINUTE_US, SECOND_US, 300);
        assert!(rates.quiet(last_us + 9 * MINUTE_US).is_empty());
        assert_eq!(rates.quiet(last_us + 11 * MINUTE_US), ["a.b.busy"]);
        rates.note(
            "a.b.busy",
            last_us + 11 * MINUTE_US,
            last_us + 11 * MINUTE_US,
        );
        assert!(rates.quiet(last_us + 12 * MINUTE_US).is_empty());
    }

    #[test]
    fn a_slow_collection_gets_twenty_of_its_own_intervals() {
        let mut rates = Rates::default();
        let last_us = steady(&mut rates, "a.b.slow", MINUTE_US, 10 * MINUTE_US, 50);
        assert!(rates.quiet(last_us + 190 * MINUTE_US).is_empty());
        assert_eq!(rates.quiet(last_us + 210 * MINUTE_US), ["a.b.slow"]);
    }

    #[test]
    fn catching_up_looks_no_busier_than_it_was() {
        let mut rates = Rates::default();
        let now_us = 10_000 * MINUTE_US;
        // Fifty events, an hour apart, come within one second.
        (0..50).for_each(|n| rates.note("a.b.c", n * 60 * MINUTE_US, now_us));
        assert!(rates.quiet(now_us + 19 * 60 * MINUTE_US).is_empty());
        assert!(!rates.quiet(now_us + 21 * 60 * MINUTE_US).is_empty());
    }

    #[test]
    fn a_few_events_tell_no_rate_and_the_table_is_bounded() {
        let mut rates = Rates::default();
        let last_us = steady(&mut rates, "a.b.few", 0, SECOND_US, 5);
        assert!(rates.quiet(last_us + 1_000 * MINUTE_US).is_empty());
        for n in 0..limits::RATES_MAX * 2 {
            rates.note(&format!("a.b.c{n}"), 0, 0);
        }
        assert_eq!(rates.by_collection.len(), limits::RATES_MAX);
    }
}
