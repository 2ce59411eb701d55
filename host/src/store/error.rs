//! What can go wrong in a store, with what to do about it.

use crate::fault::{Class, Classify};

/// An error of any backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database is busy, slow or gone for now.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// Somebody else moved the position that this unit starts from.
    #[error("partition {partition} of {owner} stands at pos {found}, expected {expected}")]
    PositionMoved {
        /// Which partition.
        partition: u16,
        /// Whose position.
        owner: String,
        /// What the unit started from.
        expected: i64,
        /// What the store holds.
        found: i64,
    },
    /// A plugin's SQL, tables or parameters are not acceptable.
    #[error("{0}")]
    Refused(String),
    /// A read ran past its time.
    #[error("the read took more than {limit_ms} ms")]
    ReadTimeout {
        /// The bound.
        limit_ms: u64,
    },
    /// A read found more than it may return.
    #[error("the read has more than {limit} rows: narrow it or add a limit")]
    TooManyRows {
        /// The bound.
        limit: usize,
    },
    /// A read found more bytes than it may return.
    #[error("the read's rows have more than {limit} bytes: narrow it or add a limit")]
    TooManyBytes {
        /// The bound.
        limit: usize,
    },
    /// What the database holds contradicts itself or this version.
    #[error("the database is not usable: {0}")]
    Corrupt(String),
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    /// Anything a database says on the host's own statements is trouble of the database: they are fixed texts.
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl Classify for StoreError {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::Retry,
            Self::PositionMoved { .. } | Self::Corrupt(_) => Class::Fatal,
            Self::Refused(_)
            | Self::ReadTimeout { .. }
            | Self::TooManyRows { .. }
            | Self::TooManyBytes { .. } => Class::Reject,
            Self::Closed => Class::Canceled,
        }
    }
}
