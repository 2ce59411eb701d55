//! A page's cursor: where the next page starts, opaque to callers.

use crate::{Time, XrpcError, base64};

/// A place in an order by time, newest first, with the record's URI where times are equal: what a read such as
/// `where (created_at, _uri) < ($1, $2) order by created_at desc, _uri desc` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last row's time.
    pub time: Time,
    /// The last row's URI.
    pub uri: String,
}

impl Cursor {
    /// Before the first row: later than every time that a text can say.
    #[must_use]
    pub fn start() -> Self {
        Self {
            time: Time::from_us(i64::MAX),
            uri: "at://did:web:start.invalid/invalid.start.cursor/self".into(),
        }
    }

    /// The text for the answer's `cursor`.
    #[must_use]
    pub fn encode(&self) -> String {
        base64::url(format!("{} {}", self.time.us(), self.uri).as_bytes())
    }

    /// The cursor of the page after these rows, by the last one's time and URI; none when they are fewer than `limit`.
    #[must_use]
    pub fn after<T>(rows: &[T], limit: i64, place: impl Fn(&T) -> (Time, &str)) -> Option<String> {
        let full = i64::try_from(rows.len()).is_ok_and(|n| n >= limit);
        let (time, uri) = place(rows.last().filter(|_| full)?);
        let uri = uri.to_owned();
        Some(Self { time, uri }.encode())
    }

    /// Reads the parameter `cursor`; absent is [`Cursor::start`].
    ///
    /// # Errors
    /// `InvalidRequest` when the text is not one of [`Cursor::encode`]'s.
    pub fn decode(text: Option<&str>) -> Result<Self, XrpcError> {
        match text {
            None => Ok(Self::start()),
            Some(text) => Self::parse(text).ok_or_else(|| {
                XrpcError::invalid_request(
                    "parameter \"cursor\": expected the cursor of an earlier answer",
                )
            }),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let plain = String::from_utf8(base64::from_url(text)?).ok()?;
        let (us, uri) = plain.split_once(' ')?;
        crate::is_record_uri(uri).then_some(())?;
        Some(Self {
            time: Time::from_us(us.parse().ok()?),
            uri: uri.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let cursor = Cursor {
            time: Time::from_us(-5),
            uri: "at://did:plc:a/com.example.post/3k".into(),
        };
        assert_eq!(Cursor::decode(Some(&cursor.encode())).unwrap(), cursor);
        assert_eq!(Cursor::decode(None).unwrap(), Cursor::start());
        assert!(crate::is_record_uri(&Cursor::start().uri));
        for bad in [
            "",
            "zz",
            "2024-01-01",
            &base64::url(b"1 at://x"),
            &base64::url(b"x at://did:plc:a/com.example.post/3k"),
        ] {
            let err = Cursor::decode(Some(bad)).unwrap_err();
            assert_eq!(
                (err.status(), err.error()),
                (400, "InvalidRequest"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_full_page_has_a_next_one() {
        let uri = "at://did:plc:a/com.example.post/3k";
        let rows = [Time::from_us(2), Time::from_us(1)];
        let next = |limit| Cursor::after(&rows, limit, |t| (*t, uri));
        assert_eq!(next(3), None);
        let cursor = Cursor::decode(next(2).as_deref()).unwrap();
        assert_eq!((cursor.time.us(), cursor.uri.as_str()), (1, uri));
        assert_eq!(Cursor::after(&rows[..0], 0, |t| (*t, uri)), None);
    }
}
