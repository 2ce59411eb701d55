//! DAG-CBOR as the atproto data model allows it, walked in place.
//!
//! Guarantees: one canonical encoding only (smallest integers, definite lengths, map keys that are text, unique
//! and sorted by length and then bytes), valid UTF-8, no floats, no `undefined`, integers of 64 bits with sign, tag
//! 42 with a CID and no other tag. No recursion, no allocation; depth, container length and total number of items
//! are bounded by [`crate::limits`], and a declared length is held against the bytes at hand before it is used.
//! Does not build values: [`super::json`] writes text from the same walk, and typed reads come after the check.

mod head;
mod walk;

pub(crate) use head::read as read_head;
pub(crate) use walk::{Visit, walk};

use crate::fault::{Class, Classify};
use crate::limits;

/// Why bytes are not DAG-CBOR of the atproto data model. Offsets count from the item's first byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The input ends inside an item, or a length reaches past its end.
    #[error("at byte {at}: expected {needed} more bytes, got {left}")]
    Cut {
        /// Where the missing bytes should begin.
        at: usize,
        /// How many the item needs at least.
        needed: u64,
        /// How many there are.
        left: usize,
    },
    /// An item of a kind that the data model does not have, or not at this place.
    #[error("at byte {at}: expected {expected}, got initial byte 0x{got:02x}")]
    Kind {
        /// Where the item begins.
        at: usize,
        /// What may stand there.
        expected: &'static str,
        /// Its first byte.
        got: u8,
    },
    /// An integer or length is written longer than it has to be.
    #[error("at byte {at}: expected the shortest form of {got}, got a longer one")]
    NotShortest {
        /// Where the item begins.
        at: usize,
        /// The number.
        got: u64,
    },
    /// An integer does not fit 64 bits with sign.
    #[error("at byte {at}: expected an integer of 64 bits with sign, got {sign}{got}")]
    IntegerRange {
        /// Where the item begins.
        at: usize,
        /// Empty, or `-1-`.
        sign: &'static str,
        /// The number as written.
        got: u64,
    },
    /// Containers are nested too deep.
    #[error(
        "at byte {at}: expected at most {} nested containers, got more",
        limits::CBOR_DEPTH_MAX
    )]
    Depth {
        /// Where the first container too many begins.
        at: usize,
    },
    /// A container declares too many elements.
    #[error(
        "at byte {at}: expected at most {} elements in a container, got {got}",
        limits::CBOR_CONTAINER_LEN_MAX
    )]
    Length {
        /// Where the container begins.
        at: usize,
        /// The number of elements that it declares.
        got: u64,
    },
    /// All containers together declare too many elements.
    #[error(
        "at byte {at}: expected at most {} elements in all, got more",
        limits::CBOR_ITEMS_MAX
    )]
    Items {
        /// Where the container begins that was too much.
        at: usize,
    },
    /// A map's keys are not sorted, or one comes twice.
    #[error("at byte {at}: expected map keys unique and sorted by length, then bytes; got {got:?}")]
    KeyOrder {
        /// Where the offending key begins.
        at: usize,
        /// The key, cut.
        got: String,
    },
    /// Text is not UTF-8.
    #[error("at byte {at}: expected UTF-8 text, got other bytes")]
    Utf8 {
        /// Where the text begins.
        at: usize,
    },
    /// Tag 42 without a CID in it.
    #[error("at byte {at}: expected a link (0x00 and a CIDv1 with SHA-256), got {got}")]
    Link {
        /// Where the tag begins.
        at: usize,
        /// What came.
        got: String,
    },
    /// Bytes follow the item.
    #[error("at byte {at}: expected the end, got {left} more bytes")]
    Trailing {
        /// Where the item ends.
        at: usize,
        /// How many bytes follow.
        left: usize,
    },
}

impl Classify for CborError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// Checks the item that `bytes` begin with and gives its length (bytes). What follows is not looked at.
///
/// # Errors
/// When the item is not DAG-CBOR of the data model.
pub fn item_len(bytes: &[u8]) -> Result<usize, CborError> {
    struct Nothing;
    impl Visit<'_> for Nothing {}
    walk(bytes, &mut Nothing)
}

/// Checks that `bytes` are one item and nothing more.
///
/// # Errors
/// When they are not DAG-CBOR of the data model, or something follows.
pub fn check_one(bytes: &[u8]) -> Result<(), CborError> {
    ends_at(bytes, item_len(bytes)?)
}

/// Checks that nothing follows an item of `len` bytes.
pub(crate) fn ends_at(bytes: &[u8], len: usize) -> Result<(), CborError> {
    if len == bytes.len() {
        Ok(())
    } else {
        Err(CborError::Trailing {
            at: len,
            left: bytes.len() - len,
        })
    }
}

#[cfg(test)]
mod tests;
