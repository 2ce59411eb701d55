//! Holes in a Jetstream that nobody upstream speaks of, found by looking at times.
//!
//! A cursor that is too old is answered with the oldest event that is kept, without a word. So the first event after a
//! connect is held against the time that was asked for: much later than the stream's own pace explains is a hole. A
//! quiet stream whose pace is not known yet may be suspected wrongly; the cost is a backfill too many, never one too few.

use crate::limits;

/// Events that were not received, so that they can be fetched another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Of these collections: NSIDs, or prefixes and `.*`.
    pub collections: Vec<String>,
    /// After this time (us since 1970); 0 is the beginning.
    pub from_us: i64,
    /// Up to this time (us since 1970).
    pub to_us: i64,
    /// How it came about.
    pub reason: GapReason,
}

/// How a gap came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// The collections were not wanted before.
    Added,
    /// The upstream had forgotten what followed our cursor.
    Outdated,
    /// A message over the limit was passed.
    Passed,
}

/// Watches the times of one stream over its connections.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    /// Mean time between events (us), once some were seen.
    pace_us: Option<f64>,
    last_us: Option<i64>,
    judged: Option<Judged>,
}

/// A connection whose first events are not judged yet.
#[derive(Debug)]
struct Judged {
    had_us: i64,
    asked_us: i64,
    first_us: Option<i64>,
    seen: i64,
}

impl Lookout {
    /// A connection is made that asks for what follows `asked_us`; the last event so far was at `had_us`.
    pub(super) fn connecting(&mut self, had_us: Option<i64>, asked_us: Option<i64>) {
        // Cursor 0 asks for whatever there is.
        let asked = had_us.zip(asked_us).filter(|(_, asked_us)| *asked_us > 0);
        self.last_us = None;
        self.judged = asked.map(|(had_us, asked_us)| Judged {
            had_us,
            asked_us,
            first_us: None,
            seen: 0,
        });
    }

    /// Notes an event; gives the times between which events are missing when that is found out by it.
    pub(super) fn see(&mut self, time_us: i64, now_us: i64) -> Option<(i64, i64)> {
        let known_pace_us = self.pace_us;
        self.keep_pace(time_us);
        let judged = self.judged.as_mut()?;
        let first_us = *judged.first_us.get_or_insert(time_us);
        judged.seen += 1;
        let jump_us = first_us - judged.asked_us;
        if jump_us <= limits::JETSTREAM_GAP_US {
            self.judged = None;
            return None;
        }
        let is_live = now_us - time_us <= limits::JETSTREAM_REWIND_US;
        let own_pace_us = (time_us - first_us) as f64 / (judged.seen - 1).max(1) as f64;
        let pace_us = match known_pace_us.filter(|_| judged.seen == 1) {
            Some(pace_us) => pace_us,
            None if judged.seen >= limits::JETSTREAM_PACE_EVENTS || is_live => own_pace_us,
            None => return None,
        };
        let missing = (judged.had_us, first_us);
        self.judged = None;
        (jump_us as f64 > pace_us * limits::JETSTREAM_GAP_PACES).then_some(missing)
    }

    fn keep_pace(&mut self, time_us: i64) {
        /// The weight of one event in the mean.
        const WEIGHT: f64 = 1.0 / 64.0;
        if let Some(last_us) = self.last_us.replace(time_us) {
            let step_us = (time_us - last_us).max(0) as f64;
            let pace_us = self.pace_us.get_or_insert(step_us);
            *pace_us += (step_us - *pace_us) * WEIGHT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;
    const HOUR_US: i64 = 3_600 * SECOND_US;

    /// What is found on a connection that asks for `asked_us` and gets events from `first_us` on, a `step_us` apart.
    fn found(lookout: &mut Lookout, asked_us: i64, first_us: i64, step_us: i64) -> Vec<(i64, i64)> {
        lookout.connecting(Some(asked_us), Some(asked_us));
        let times = (0..200).map(|n| first_us + n * step_us);
        let now_us = first_us + 24 * HOUR_US;
        times.filter_map(|us| lookout.see(us, now_us)).collect()
    }

    #[test]
    fn a_busy_stream_that_starts_an_hour_late_has_a_gap() {
        let mut lookout = Lookout::default();
        let gap = found(&mut lookout, HOUR_US, 2 * HOUR_US, SECOND_US / 100);
        assert_eq!(gap, [(HOUR_US, 2 * HOUR_US)]);
        // By now the pace is known: the first event alone tells.
        lookout.connecting(Some(3 * HOUR_US), Some(3 * HOUR_US));
        assert!(lookout.see(4 * HOUR_US, 24 * HOUR_US).is_some());
    }

    #[test]
    fn a_stream_that_goes_on_where_it_was_has_none() {
        let mut lookout = Lookout::default();
        let next_us = HOUR_US + 5 * SECOND_US;
        assert!(found(&mut lookout, HOUR_US, next_us, SECOND_US).is_empty());
        lookout.connecting(None, None);
        assert_eq!(lookout.see(9 * HOUR_US, 9 * HOUR_US), None);
        lookout.connecting(Some(0), Some(0));
        assert_eq!(lookout.see(9 * HOUR_US, 9 * HOUR_US), None);
    }

    #[test]
    fn a_slow_stream_is_not_suspected_once_its_pace_is_known() {
        let mut lookout = Lookout::default();
        let minutes_us = 600 * SECOND_US;
        assert!(found(&mut lookout, HOUR_US, 2 * HOUR_US, minutes_us).is_empty());
        lookout.connecting(Some(50 * HOUR_US), Some(50 * HOUR_US));
        assert_eq!(lookout.see(52 * HOUR_US, 52 * HOUR_US), None);
    }

    #[test]
    fn one_live_event_of_an_unknown_pace_is_suspected() {
        let mut lookout = Lookout::default();
        lookout.connecting(Some(HOUR_US), Some(HOUR_US));
        let gap = lookout.see(2 * HOUR_US, 2 * HOUR_US);
        assert_eq!(gap, Some((HOUR_US, 2 * HOUR_US)));
    }
}
