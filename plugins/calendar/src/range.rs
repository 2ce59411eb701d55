//! Which events are in a range of time, and how an index finds them.
//!
//! An event is in `[from, to)` when it begins before `to` and ends after `from`; one that is a moment is in it when it is
//! not before `from` and before `to`. By start these are two parts, one after the other:
//!
//! 1. what begins in the range: a walk along the index by start;
//! 2. what began before `from` and goes on then. An index by start would walk through everything that ever was. So each
//!    event has a `span`, the shortest of 1, 16, 256, … hours that is not shorter than the event, and there is an index by
//!    span and start. Whatever goes on at `from` began less than its span before `from`: for each of the eight spans a
//!    short part of the index, in which a third and more of the events do go on, where lengths are spread evenly.
//!
//! So an event may last as long as it likes and has one row, a page costs about the same wherever it starts, and both
//! backends serve it with an ordinary index. Days as buckets would want a row for each day, and a bound on them.

use aviary_plugin::{Time, XrpcError};

const HOUR_US: i64 = 3_600_000_000;
/// The spans (us), each sixteen times the one before. A page reads once for each; the last is longer than from the first
/// to the last year of RFC 3339.
pub(crate) const SPANS_US: [i64; 8] = [
    HOUR_US,
    HOUR_US << 4,
    HOUR_US << 8,
    HOUR_US << 12,
    HOUR_US << 16,
    HOUR_US << 20,
    HOUR_US << 24,
    HOUR_US << 28,
];

/// The span of an event that lasts so long.
pub(crate) fn span_us(duration_us: i64) -> i64 {
    let long_enough = SPANS_US.into_iter().find(|span| duration_us <= *span);
    long_enough.unwrap_or(i64::MAX)
}

/// What has this span and goes on at a time began after this.
pub(crate) fn earliest(at: Time, span_us: i64) -> Time {
    Time::from_us(at.us().saturating_sub(span_us))
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
        for (duration, span) in [
            (0, HOUR_US),
            (1, HOUR_US),
            (HOUR_US, HOUR_US),
            (HOUR_US + 1, 16 * HOUR_US),
            (16 * HOUR_US, 16 * HOUR_US),
            (24 * HOUR_US, 256 * HOUR_US),
            (365 * 24 * HOUR_US, 65_536 * HOUR_US),
        ] {
            assert_eq!(span_us(duration), span, "{duration}");
        }
    }

    #[test]
    fn there_is_a_span_for_all_that_can_be_said() {
        let first = Time::parse("0000-01-01T00:00:00+23:59").unwrap();
        let last = Time::parse("9999-12-31T23:59:60-23:59").unwrap();
        let span = span_us(last.us() - first.us());
        assert_eq!(span, SPANS_US[7]);
        assert!(earliest(last, span) < first);
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
