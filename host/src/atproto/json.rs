//! Placeholder.

use super::cbor::CborError;

/// Appends the atproto JSON form of one DAG-CBOR item.
///
/// # Errors
/// When the bytes are not one item of the atproto data model.
pub fn write(_item: &[u8], _out: &mut String) -> Result<(), CborError> {
    Err(CborError("placeholder".into()))
}
