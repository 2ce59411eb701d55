//! SQLite's values. SQLite decides a value's type row by row.

use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Decode, Row as _, TypeInfo as _, ValueRef as _};

use super::database_error;
use crate::store::error::StoreError;
use crate::store::reading::Raw;

/// The value of a column, by its number.
pub(super) fn raw(row: &SqliteRow, number: usize) -> Result<Raw, StoreError> {
    let raw = row.try_get_raw(number).map_err(|e| database_error(&e))?;
    if raw.is_null() {
        return Ok(Raw::Null);
    }
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INTEGER" => decoded(raw).map(Raw::Integer),
        "REAL" => decoded(raw).map(Raw::Real),
        "TEXT" => decoded(raw).map(Raw::Text),
        "BLOB" => decoded(raw).map(Raw::Bytes),
        _ => Ok(Raw::Other(kind)),
    }
}

fn decoded<'r, T: Decode<'r, sqlx::Sqlite>>(raw: SqliteValueRef<'r>) -> Result<T, StoreError> {
    T::decode(raw).map_err(|e| StoreError::Corrupt(format!("a value cannot be read: {e}")))
}
