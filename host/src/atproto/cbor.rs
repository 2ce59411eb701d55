//! Placeholder.

/// Why bytes are not DAG-CBOR of the atproto data model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CborError(pub String);
