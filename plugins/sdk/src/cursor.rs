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
        Self::opaque(&format!("{} {}", self.time.us(), self.uri))
    }

    /// A cursor of another order than by time: any text that names the place, made opaque to callers.
    #[must_use]
    pub fn opaque(place: &str) -> String {
        base64::url(place.as_bytes())
    }

    /// The text that [`Cursor::opaque`] was given, or whatever a caller made up in its place.
    ///
    /// # Errors
    /// `InvalidRequest` when it is not what that gives for any text.
    pub fn place(cursor: &str) -> Result<String, XrpcError> {
        let place = base64::from_url(cursor).and_then(|bytes| String::from_utf8(bytes).ok());
        place.ok_or_else(Self::refused)
    }

    /// What a caller is told whose `cursor` is none of the method's.
    #[must_use]
    pub fn refused() -> XrpcError {
        XrpcError::invalid_request("parameter \"cursor\": expected the cursor of an earlier answer")
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
            Some(text) => Self::parse(&Self::place(text)?).ok_or_else(Self::refused),
        }
    }

    /// Reads the parameter `cursor` where the oldest comes first: absent is earlier than every time.
    ///
    /// # Errors
    /// As [`Cursor::decode`].
    pub fn decode_ascending(text: Option<&str>) -> Result<Self, XrpcError> {
        let first = Self {
            time: Time::from_us(i64::MIN),
            ..Self::start()
        };
        text.map_or(Ok(first), |text| Self::decode(Some(text)))
    }

    fn parse(place: &str) -> Option<Self> {
        let (us, uri) = place.split_once(' ')?;
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
        let text = cursor.encode();
        assert_eq!(Cursor::decode_ascending(Some(&text)).unwrap(), cursor);
        let first = Cursor::decode_ascending(None).unwrap();
        assert!(first.time < cursor.time && crate::is_record_uri(&first.uri));
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
    fn a_place_in_another_order_comes_back() {
        for place in ["", "7 12 at://did:plc:a/com.example.post/3k", "\u{1f99c}"] {
            assert_eq!(Cursor::place(&Cursor::opaque(place)).unwrap(), place);
        }
        for bad in ["!", "Zg==", &base64::url(b"\xff")] {
            assert_eq!(Cursor::place(bad).unwrap_err(), Cursor::refused(), "{bad}");
        }
        assert_eq!(Cursor::refused().status(), 400);
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
