//! How often something is done: a time with its unit, or `off`.

use std::time::Duration;

use super::error::Problem;
use crate::limits;

/// Reads `off` or a whole number with `ms`, `s`, `m` or `h`, such as `10m`; none is never.
///
/// # Errors
/// When it is neither, or no time at all.
pub(super) fn parse(text: &str) -> Result<Option<Duration>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    let bad = || Problem::unexpected("\"off\", or a time such as \"10m\" (ms, s, m or h)", text);
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    let time_ms = number
        .checked_mul(unit_ms)
        .filter(|ms| (1..=limits::INTERVAL_MS_MAX).contains(ms));
    time_ms
        .map(|ms| Some(Duration::from_millis(ms)))
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_off_is_never() {
        assert_eq!(parse("off"), Ok(None));
        for (text, ms) in [
            ("250ms", 250),
            ("1s", 1_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(parse(text), Ok(Some(Duration::from_millis(ms))), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "10",
            "m",
            "0s",
            "-1m",
            "1.5h",
            "10 m",
            "10M",
            "1d",
            "OFF",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            let problem = parse(bad).unwrap_err().to_string();
            assert!(problem.contains("10m"), "{bad}: {problem}");
        }
    }
}
