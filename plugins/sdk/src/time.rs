//! Times as tables hold them: microseconds since 1970, read from and written as RFC 3339.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Microseconds since 1970-01-01T00:00:00Z. Text is RFC 3339, any offset; written in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

const DAY_US: i64 = 86_400_000_000;

impl Time {
    /// From microseconds since 1970.
    #[must_use]
    pub const fn from_us(us: i64) -> Self {
        Self(us)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn us(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, such as `2026-07-04T12:00:00.123Z`. Digits below a microsecond are dropped; a leap second is
    /// the first of the next minute. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        let separators_ok = b.len() >= 20
            && text.is_ascii()
            && (b[4], b[7], b[13], b[16]) == (b'-', b'-', b':', b':')
            && matches!(b[10], b'T' | b't' | b' ');
        if !separators_ok {
            return None;
        }
        let (year, month, day) = (number(&b[0..4])?, number(&b[5..7])?, number(&b[8..10])?);
        let (hour, minute, second) = (
            number(&b[11..13])?,
            number(&b[14..16])?,
            number(&b[17..19])?,
        );
        if hour > 23 || minute > 59 || second > 60 || !is_day(year, month, day) {
            return None;
        }
        let (fraction_us, zone) = fraction(&b[19..])?;
        let seconds = (hour * 60 + minute) * 60 + second - offset_s(zone)?;
        Some(Self(
            days_since_1970(year, month, day) * DAY_US + seconds * 1_000_000 + fraction_us,
        ))
    }
}

/// Digits only: a sign or a blank is no number here.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |n, d| {
        d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0'))
    })
}

/// `.123` in microseconds, and what follows.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let len = digits.iter().take_while(|d| d.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let us = (0..6).fold(0, |us, i| {
        us * 10 + digits[..len].get(i).map_or(0, |d| i64::from(d - b'0'))
    });
    Some((us, &digits[len..]))
}

/// `Z` or `+hh:mm`, in seconds.
fn offset_s(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn is_day(year: i64, month: i64, day: i64) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Days of the proleptic Gregorian calendar, counted in years that start in March so that February comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
        - 719_469
}

/// The reverse of [`days_since_1970`].
fn date(days: i64) -> (i64, i64, i64) {
    // From 0000-03-01; an era is the 146,097 days of 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let y = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * y + y / 4 - y / 100);
    let m = (5 * day + 2) / 153;
    let (year, month) = if m < 10 { (0, m + 3) } else { (1, m - 9) };
    (y + era * 400 + year, month, day - (153 * m + 2) / 5 + 1)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, us) = (self.0.div_euclid(DAY_US), self.0.rem_euclid(DAY_US));
        let (year, month, day) = date(days);
        let (s, us) = (us / 1_000_000, us % 1_000_000);
        let (h, m, s) = (s / 3_600, s / 60 % 60, s % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.")?;
        if us % 1_000 == 0 {
            write!(f, "{:03}Z", us / 1_000)
        } else {
            write!(f, "{us:06}Z")
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a datetime such as 2026-07-04T12:00:00Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (text, us, written) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"),
            (
                "2000-03-01T00:00:00Z",
                951_868_800_000_000,
                "2000-03-01T00:00:00.000Z",
            ),
            (
                "2024-02-29T23:59:59.999999Z",
                1_709_251_199_999_999,
                "2024-02-29T23:59:59.999999Z",
            ),
            (
                "2024-02-29t23:59:59.1234567z",
                1_709_251_199_123_456,
                "2024-02-29T23:59:59.123456Z",
            ),
            (
                "1985-04-12T23:20:50.52Z",
                482_196_050_520_000,
                "1985-04-12T23:20:50.520Z",
            ),
            (
                "1996-12-19T16:39:57-08:00",
                851_042_397_000_000,
                "1996-12-20T00:39:57.000Z",
            ),
            (
                "1990-12-31T23:59:60Z",
                662_688_000_000_000,
                "1991-01-01T00:00:00.000Z",
            ),
            (
                "1969-12-31T23:59:59.5Z",
                -500_000,
                "1969-12-31T23:59:59.500Z",
            ),
            (
                "0000-01-01T00:00:00Z",
                -62_167_219_200_000_000,
                "0000-01-01T00:00:00.000Z",
            ),
            (
                "9999-12-31T23:59:59Z",
                253_402_300_799_000_000,
                "9999-12-31T23:59:59.000Z",
            ),
        ] {
            assert_eq!(Time::parse(text).map(Time::us), Some(us), "{text}");
            assert_eq!(Time::from_us(us).to_string(), written);
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "2024",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00+24:00",
            "+024-01-01T00:00:00Z",
            "2024-01-01T00:00:00Zx",
            "２024-01-01T00:00:00Z",
            "-1-01-01T00:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in -146_097..146_097 {
            let (y, m, d) = date(day);
            assert!(is_day(y, m, d), "{day}: {y}-{m}-{d}");
            assert_eq!(days_since_1970(y, m, d), day);
        }
    }
}
