//! Named reads: typed rows out of what the host's database gives. All reads of one call see one snapshot.

use std::fmt;

use crate::wit::store as wit;
use crate::wit::types::{Param, Value};

/// Why a read gave no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The manifest has no read of that name.
    UnknownRead,
    /// A parameter is not of the declared type.
    BadParams(String),
    /// It took too long.
    Timeout,
    /// It would have given too many rows or bytes.
    TooManyRows,
    /// The database does not answer at the moment.
    Unavailable,
    /// A row is not of the declared shape; names the read and the column.
    BadRow(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRead => f.write_str("the manifest has no such read"),
            Self::BadParams(message) => write!(f, "a read's parameters: {message}"),
            Self::Timeout => f.write_str("a read took too long"),
            Self::TooManyRows => f.write_str("a read gave too many rows"),
            Self::Unavailable => f.write_str("the database does not answer at the moment"),
            Self::BadRow(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<wit::StoreError> for StoreError {
    fn from(e: wit::StoreError) -> Self {
        match e {
            wit::StoreError::UnknownRead => Self::UnknownRead,
            wit::StoreError::BadParams(message) => Self::BadParams(message),
            wit::StoreError::Timeout => Self::Timeout,
            wit::StoreError::TooManyRows => Self::TooManyRows,
            wit::StoreError::Unavailable => Self::Unavailable,
        }
    }
}

/// A read's result row; `plugin!` makes one for each read.
pub trait FromRow: Sized {
    /// How many columns it has.
    const COLUMNS: usize;

    /// From the columns in declared order; the name of the one that does not fit.
    ///
    /// # Errors
    /// The column's name.
    fn from_row(row: Vec<Value>) -> Result<Self, &'static str>;
}

/// Takes the next column.
///
/// # Errors
/// The column's name when it is missing or of another type.
pub fn columns<T: crate::value::FromValue>(
    values: &mut std::vec::IntoIter<Value>,
    name: &'static str,
) -> Result<T, &'static str> {
    values.next().and_then(T::from_value).ok_or(name)
}

/// Runs a named read.
///
/// # Errors
/// See [`StoreError`].
pub fn read<T: FromRow>(name: &'static str, params: &[Param]) -> Result<Vec<T>, StoreError> {
    crate::host::read(name, params)?
        .into_iter()
        .map(|row| {
            let got = row.len();
            if got != T::COLUMNS {
                return Err(StoreError::BadRow(format!(
                    "read {name:?}: expected {} columns, got {got}",
                    T::COLUMNS
                )));
            }
            T::from_row(row).map_err(|column| {
                StoreError::BadRow(format!(
                    "read {name:?}: column {column:?} is not of the declared type"
                ))
            })
        })
        .collect()
}
