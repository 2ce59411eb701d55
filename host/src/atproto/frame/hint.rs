//! What can still be told of a message that does not decode: its number and its account.

use crate::atproto::Did;
use crate::atproto::cbor::{self, Visit};
use crate::limits::SEQ_MAX;

/// What a broken message said before it broke. Not to be trusted further than to name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// Its number in the stream.
    pub seq: Option<i64>,
    /// Whose it was.
    pub did: Option<Did>,
}

/// Reads number and account from what precedes the fault. Both stand early in a payload with sorted keys.
#[must_use]
pub fn hint(message: &[u8]) -> Hint {
    let mut fields = Fields::default();
    if let Ok(len) = cbor::item_len(message) {
        // A payload that does not decode is why we are here; the visitor keeps what it saw.
        let _broken = cbor::walk(&message[len..], &mut fields);
    }
    Hint {
        seq: fields.seq.filter(|seq| (1..=SEQ_MAX).contains(seq)),
        did: fields.did.and_then(|did| Did::parse(did).ok()),
    }
}

/// The number alone, see [`hint`].
#[must_use]
pub fn seq_hint(message: &[u8]) -> Option<i64> {
    hint(message).seq
}

/// Looks at the outermost map only.
#[derive(Default)]
struct Fields<'a> {
    depth: usize,
    key: &'a str,
    seq: Option<i64>,
    did: Option<&'a str>,
}

impl<'a> Visit<'a> for Fields<'a> {
    fn integer(&mut self, value: i64) {
        if self.depth == 1 && self.key == "seq" {
            self.seq = Some(value);
        }
    }

    fn text(&mut self, value: &'a str) {
        if self.depth == 1 && matches!(self.key, "repo" | "did") {
            self.did = Some(value);
        }
    }

    fn open_array(&mut self) {
        self.depth += 1;
    }

    fn close_array(&mut self) {
        self.depth -= 1;
    }

    fn open_map(&mut self) {
        self.depth += 1;
    }

    fn close_map(&mut self) {
        self.depth -= 1;
    }

    fn key(&mut self, key: &'a str) {
        if self.depth == 1 {
            self.key = key;
        }
    }
}
