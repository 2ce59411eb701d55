//! The head of a CBOR item: kind and number. Only the shortest form passes.

use super::CborError;

/// An item's head.
pub(crate) struct Head {
    /// CBOR's major type, 0 to 7.
    pub(crate) major: u8,
    /// The number: a value, a length, a tag, or the additional information of major type 7.
    pub(crate) value: u64,
    /// Where the head ends.
    pub(crate) end: usize,
}

/// Reads the head at `at`.
#[inline]
pub(crate) fn read(bytes: &[u8], at: usize) -> Result<Head, CborError> {
    let Some(&first) = bytes.get(at) else {
        return Err(CborError::Cut {
            at,
            needed: 1,
            left: 0,
        });
    };
    let (major, info) = (first >> 5, first & 0x1f);
    if info < 24 {
        return Ok(Head {
            major,
            value: u64::from(info),
            end: at + 1,
        });
    }
    if info > 27 {
        return Err(CborError::Kind {
            at,
            expected: "a definite length",
            got: first,
        });
    }
    if major == 7 {
        return Err(CborError::Kind {
            at,
            expected: "an item without floats and simple values",
            got: first,
        });
    }
    long(bytes, at, major, 1 << (info - 24))
}

/// Reads a head whose number takes `width` bytes of its own.
fn long(bytes: &[u8], at: usize, major: u8, width: usize) -> Result<Head, CborError> {
    let rest = &bytes[at + 1..];
    let Some(number) = rest.get(..width) else {
        return Err(CborError::Cut {
            at: at + 1,
            needed: width as u64,
            left: rest.len(),
        });
    };
    let value = number
        .iter()
        .fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
    let smallest = match width {
        1 => 24,
        2 => 1 << 8,
        4 => 1 << 16,
        _ => 1 << 32,
    };
    if value < smallest {
        return Err(CborError::NotShortest { at, got: value });
    }
    Ok(Head {
        major,
        value,
        end: at + 1 + width,
    })
}
