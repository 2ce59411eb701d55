//! Postgres' values. A column has one type for all its rows.

use sqlx::postgres::{PgRow, PgValueRef, Postgres};
use sqlx::{Decode, Row as _, TypeInfo as _, ValueRef as _};

use super::database_error;
use crate::store::error::StoreError;
use crate::store::reading::Raw;

/// The value of a column, by its number.
pub(super) fn raw(row: &PgRow, number: usize) -> Result<Raw, StoreError> {
    let raw = row.try_get_raw(number).map_err(|e| database_error(&e))?;
    if raw.is_null() {
        return Ok(Raw::Null);
    }
    let info = raw.type_info().into_owned();
    match info.name() {
        "BOOL" => decoded(raw).map(Raw::Boolean),
        "INT8" => decoded(raw).map(Raw::Integer),
        "FLOAT8" => decoded(raw).map(Raw::Real),
        "TEXT" => decoded(raw).map(Raw::Text),
        "BYTEA" => decoded(raw).map(Raw::Bytes),
        other => Ok(Raw::Other(other.to_owned())),
    }
}

fn decoded<'r, T: Decode<'r, Postgres>>(raw: PgValueRef<'r>) -> Result<T, StoreError> {
    T::decode(raw).map_err(|e| StoreError::Corrupt(format!("a value cannot be read: {e}")))
}
