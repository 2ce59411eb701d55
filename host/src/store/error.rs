//! What can go wrong in a store, with what to do about it.

use sqlx::postgres::PgDatabaseError;

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
    /// Another host writes this database now, or this one never took it.
    #[error(
        "another host has taken this database over: this one was away for too long; start it again and it stands by"
    )]
    Fenced,
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

/// What was checked on its way in does not parse on its way out.
pub(in crate::store) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("a stored value: {error}"))
}

/// Classes of Postgres' SQLSTATE that are about the machine or the moment, not the statement: connection, transaction
/// (deadlock, serialization), resources, operator, system; and a lock that was not to be had.
const PASSING_STATES: [&str; 6] = ["08", "40", "53", "57", "58", "55"];

// SQLite's primary result codes; an extended code's low byte is its primary one.
const CORRUPT: u32 = 11;
const NOT_A_DATABASE: u32 = 26;
/// Busy, locked, no memory, read-only, I/O, full, cannot open, protocol: about the machine, not the statement.
const PASSING: [u32; 8] = [5, 6, 7, 8, 10, 13, 14, 15];

impl From<sqlx::Error> for StoreError {
    /// What a database says on the host's own statements: trouble of the machine passes, anything else is a state
    /// that should not be.
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(e) if e.try_downcast_ref::<PgDatabaseError>().is_some() => {
                let state = e.code().unwrap_or_default();
                if PASSING_STATES.iter().any(|class| state.starts_with(class)) {
                    Self::Unavailable(error.to_string())
                } else {
                    Self::Corrupt(format!("a statement of the host failed: {error}"))
                }
            }
            sqlx::Error::Database(e) => {
                let code = e.code().and_then(|c| c.parse::<u32>().ok());
                match code.map(|c| c & 0xff) {
                    Some(CORRUPT | NOT_A_DATABASE) => Self::Corrupt(error.to_string()),
                    Some(code) if PASSING.contains(&code) => Self::Unavailable(error.to_string()),
                    _ => Self::Corrupt(format!("a statement of the host failed: {error}")),
                }
            }
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl Classify for StoreError {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable(_) => Class::Retry,
            Self::PositionMoved { .. } | Self::Fenced | Self::Corrupt(_) => Class::Fatal,
            Self::Refused(_)
            | Self::ReadTimeout { .. }
            | Self::TooManyRows { .. }
            | Self::TooManyBytes { .. } => Class::Reject,
            Self::Closed => Class::Canceled,
        }
    }
}
