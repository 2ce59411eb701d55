//! Identifiers of the protocol as types: a value is well-formed, cheap to clone and compares by bytes.
//!
//! Shapes follow the atproto specifications "DID", "Handle", "NSID", "Record Key", "TID" and "AT URI". An AT URI's
//! authority is a DID by the time it reaches this host's own types.

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// A string that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {got:?}")]
pub struct SyntaxError {
    expected: &'static str,
    got: String,
}

impl SyntaxError {
    fn new(expected: &'static str, got: &str) -> Self {
        const SHOWN_CHARS: usize = 120;
        Self {
            expected,
            got: got.chars().take(SHOWN_CHARS).collect(),
        }
    }
}

macro_rules! shared_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

shared_text!(
    /// A DID: `did:method:identifier`, at most 2,048 bytes.
    Did
);
shared_text!(
    /// A handle: a domain name of at least two labels, in lower case. Its syntax says nothing about whose it is.
    Handle
);
shared_text!(
    /// A namespaced identifier, such as `app.bsky.feed.post`.
    Nsid
);
shared_text!(
    /// A record key: 1 to 512 bytes of `A-Za-z0-9._:~-`, not `.` or `..`.
    RecordKey
);

impl Did {
    /// Checks and keeps a DID.
    ///
    /// # Errors
    /// When the text is not a DID by the atproto specification.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let err = || SyntaxError::new("a DID (did:method:identifier)", text);
        let rest = text.strip_prefix("did:").ok_or_else(err)?;
        let (method, id) = rest.split_once(':').ok_or_else(err)?;
        let method_ok = !method.is_empty() && method.bytes().all(|b| b.is_ascii_lowercase());
        let id_ok = !id.is_empty()
            && !id.ends_with([':', '%'])
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._:%-".contains(&b));
        if method_ok && id_ok && text.len() <= limits::DID_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(err())
        }
    }
}

impl Handle {
    /// Checks a handle and keeps it in lower case.
    ///
    /// # Errors
    /// When the text is not a handle.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let label_ok = |label: &str| {
            (1..=limits::HANDLE_LABEL_BYTES_MAX).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let top_ok = text
            .rsplit_once('.')
            .is_some_and(|(_, top)| top.starts_with(|c: char| c.is_ascii_alphabetic()));
        if top_ok && text.len() <= limits::HANDLE_BYTES_MAX && text.split('.').all(label_ok) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(SyntaxError::new(
                "a handle (a domain name such as alice.example.com)",
                text,
            ))
        }
    }

    /// The last label.
    #[must_use]
    pub fn top_level(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or_default()
    }
}

impl Nsid {
    /// Checks and keeps an NSID.
    ///
    /// # Errors
    /// When the text is not an NSID.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if shrike::syntax::Nsid::try_from(text).is_ok() {
            Ok(Self(text.into()))
        } else {
            Err(SyntaxError::new(
                "an NSID (such as app.bsky.feed.post)",
                text,
            ))
        }
    }
}

impl RecordKey {
    /// Checks and keeps a record key.
    ///
    /// # Errors
    /// When the text is not a record key.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let ok = (1..=limits::RKEY_BYTES_MAX).contains(&text.len())
            && text != "."
            && text != ".."
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._:~-".contains(&b));
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(SyntaxError::new(
                "a record key (1 to 512 of A-Za-z0-9._:~-)",
                text,
            ))
        }
    }
}

/// A timestamp identifier, the form of a commit's `rev`: 13 characters whose byte order is time order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tid([u8; 13]);

impl Tid {
    /// Checks and keeps a TID.
    ///
    /// # Errors
    /// When the text is not a TID. An empty rev is an error too: it would sort below everything.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let err = || SyntaxError::new("a TID (13 characters of 2-7a-z)", text);
        let bytes: [u8; 13] = text.as_bytes().try_into().map_err(|_| err())?;
        let first_ok = matches!(bytes[0], b'2'..=b'7' | b'a'..=b'j');
        if first_ok && bytes.iter().all(|b| matches!(b, b'2'..=b'7' | b'a'..=b'z')) {
            Ok(Self(bytes))
        } else {
            Err(err())
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII gets past `parse`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// When it was made, as it says: microseconds since 1970.
    #[must_use]
    pub fn time_us(&self) -> i64 {
        const CLOCK_BITS: u32 = 10;
        let digit = |b: &u8| i64::from(if *b >= b'a' { b - b'a' + 6 } else { b - b'2' });
        self.0.iter().fold(0, |value, b| value << 5 | digit(b)) >> CLOCK_BITS
    }
}

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A record's address with a DID as authority: `at://did/collection/rkey`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AtUri {
    /// Whose record.
    pub did: Did,
    /// Its collection.
    pub collection: Nsid,
    /// Its key.
    pub rkey: RecordKey,
}

impl AtUri {
    /// Checks and keeps a record's address.
    ///
    /// # Errors
    /// When the text is not `at://did/collection/rkey`; a handle as authority is an error.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let err = || SyntaxError::new("a record's AT URI (at://did/collection/rkey)", text);
        let rest = text.strip_prefix("at://").ok_or_else(err)?;
        let mut parts = rest.splitn(3, '/');
        let (Some(did), Some(collection), Some(rkey)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(err());
        };
        Ok(Self {
            did: Did::parse(did).map_err(|_| err())?,
            collection: Nsid::parse(collection).map_err(|_| err())?,
            rkey: RecordKey::parse(rkey).map_err(|_| err())?,
        })
    }
}

/// Reads an operation's path, `collection/rkey`.
///
/// # Errors
/// When it is not an NSID and a record key with one slash between.
pub fn split_path(path: &str) -> Result<(Nsid, RecordKey), SyntaxError> {
    let err = || SyntaxError::new("a path (collection/rkey)", path);
    let (collection, rkey) = path.split_once('/').ok_or_else(err)?;
    Ok((Nsid::parse(collection)?, RecordKey::parse(rkey)?))
}

impl fmt::Display for AtUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at://{}/{}/{}", self.did, self.collection, self.rkey)
    }
}

impl fmt::Debug for AtUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::Tid;

    #[test]
    fn a_tid_tells_its_time() {
        // Worked out by hand from the alphabet: 53 bits of microseconds above 10 bits of a clock's number.
        let tid = Tid::parse("3jzfcijpj2z2a").unwrap();
        assert_eq!(tid.time_us(), 1_688_137_381_887_007);
        assert_eq!(Tid::parse("2222222222222").unwrap().time_us(), 0);
    }
}
