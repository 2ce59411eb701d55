//! Which events are in a range of time, and how an index finds them.
//!
//! An event is in `[from, to)` when it begins before `to` and ends after `from`; one that is a moment is in it when it is
//! not before `from` and before `to`. By start these are two parts, one after the other:
//!
//! 1. what begins in the range: a walk along the index by start;
//! 2. what began before `from` and goes on then. An index by start would walk through everything that ever was. So each
//!    event has a `span`, the shortest of 1, 4, 16, … hours that is not shorter than the event, and an index by span and
//!    start. Whatever goes on at `from` and has a span began less than that span before `from`: for each of the 15 spans,
//!    a short part of the index. One of four and more that it meets has already ended.
//!
//! So an event may last as long as it likes, and has one row; both backends serve it with an ordinary index. Days as
//! buckets would want a row for each day, and a bound on them.

use aviary_plugin::{Time, XrpcError};

/// The shortest span (us). Also in `plugin.toml`, read `going_on`, as is what follows.
const SPAN_SHORTEST_US: i64 = 3_600_000_000;
/// How much longer the next span is.
const SPAN_FACTOR: i64 = 4;
/// The longest span (us): longer than from the first to the last year of RFC 3339.
const SPAN_LONGEST_US: i64 = SPAN_SHORTEST_US * SPAN_FACTOR.pow(14);

/// The span of an event that lasts so long.
pub(crate) fn span_us(duration_us: i64) -> i64 {
    let mut span = SPAN_SHORTEST_US;
    while span < duration_us && span < SPAN_LONGEST_US {
        span *= SPAN_FACTOR;
    }
    span
}

/// The range of a request: `from` is before `to`.
pub(crate) fn parse(from: &str, to: &str) -> Result<(Time, Time), XrpcError> {
    let (from_time, to_time) = (datetime("from", from)?, datetime("to", to)?);
    if from_time < to_time {
        return Ok((from_time, to_time));
    }
    Err(XrpcError::invalid_request(format!(
        "parameter \"to\": expected a time after {from}, got {to}"
    )))
}

fn datetime(name: &str, text: &str) -> Result<Time, XrpcError> {
    Time::parse(text).ok_or_else(|| {
        XrpcError::invalid_request(format!(
            "parameter {name:?}: expected a datetime, got {text:?}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_the_shortest_that_is_long_enough() {
        const HOUR: i64 = 3_600_000_000;
        for (duration, span) in [
            (0, HOUR),
            (1, HOUR),
            (HOUR, HOUR),
            (HOUR + 1, 4 * HOUR),
            (4 * HOUR, 4 * HOUR),
            (24 * HOUR, 64 * HOUR),
            (365 * 24 * HOUR, 16_384 * HOUR),
        ] {
            assert_eq!(span_us(duration), span, "{duration}");
        }
    }

    #[test]
    fn the_longest_span_is_longer_than_all_that_can_be_said() {
        let first = Time::parse("0000-01-01T00:00:00+23:59").unwrap();
        let last = Time::parse("9999-12-31T23:59:60-23:59").unwrap();
        let longest = last.us() - first.us();
        assert!(span_us(longest) >= longest);
        // And an arithmetic with it in SQL stays within an int64.
        assert!(first.us().checked_sub(SPAN_LONGEST_US).is_some());
    }

    #[test]
    fn the_read_has_the_same_spans() {
        let manifest = include_str!("../plugin.toml");
        let spans = format!(
            "select {SPAN_SHORTEST_US} union all select length * {SPAN_FACTOR} from spans where length < {SPAN_LONGEST_US}"
        );
        assert!(manifest.contains(&spans), "{spans}");
    }

    #[test]
    fn a_range_has_two_times_in_order() {
        let (from, to) = parse("2026-08-01T00:00:00Z", "2026-08-01T02:00:00.5+02:00").unwrap();
        assert_eq!(to.us() - from.us(), 500_000);
        for (from, to, name) in [
            ("2026-08-01", "2026-08-02T00:00:00Z", "\"from\""),
            ("2026-08-01T00:00:00Z", "tomorrow", "\"to\""),
            ("2026-08-01T00:00:00Z", "2026-08-01T00:00:00Z", "\"to\""),
            ("2026-08-02T00:00:00Z", "2026-08-01T00:00:00Z", "\"to\""),
        ] {
            let error = parse(from, to).unwrap_err();
            assert_eq!((error.status(), error.error()), (400, "InvalidRequest"));
            assert!(error.message().contains(name), "{}", error.message());
        }
    }
}
