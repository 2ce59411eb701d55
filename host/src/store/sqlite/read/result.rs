//! From SQLite's row to typed values. SQLite decides a value's type row by row, so each one is held against what
//! the read declares.

use aviary_manifest::{Column, ColumnType};
use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{Decode, Row as _, TypeInfo as _, ValueRef as _};

use super::database_error;
use crate::atproto::{AtUri, Did};
use crate::store::error::StoreError;
use crate::store::rows::Value;

/// What a value costs besides its text or bytes.
const VALUE_BYTES: usize = 16;

/// One row's values, and its size in bytes.
pub(super) fn row(row: &SqliteRow, returns: &[Column]) -> Result<(Vec<Value>, usize), StoreError> {
    let mut values = Vec::with_capacity(returns.len());
    let mut bytes = 0;
    for (number, column) in returns.iter().enumerate() {
        let raw = row.try_get_raw(number).map_err(|e| database_error(&e))?;
        let (value, size) = value(raw, column)?;
        bytes += VALUE_BYTES + size;
        values.push(value);
    }
    Ok((values, bytes))
}

fn value(raw: SqliteValueRef<'_>, column: &Column) -> Result<(Value, usize), StoreError> {
    let wrong = |got: &str| {
        StoreError::Refused(format!(
            "the read's column {} is declared {}, the database gave {got}",
            column.name,
            column.ty.word()
        ))
    };
    if raw.is_null() {
        return if column.nullable {
            Ok((Value::Null, 0))
        } else {
            Err(wrong("NULL"))
        };
    }
    let kind = raw.type_info().name().to_owned();
    match (kind.as_str(), column.ty) {
        ("INTEGER", ty) => {
            let n: i64 = decoded(raw)?;
            integer(n, ty)
                .map(|v| (v, 0))
                .ok_or_else(|| wrong("an integer"))
        }
        ("REAL", ColumnType::Real) => {
            let x: f64 = decoded(raw)?;
            if x.is_finite() {
                Ok((Value::Real(x), 0))
            } else {
                Err(wrong("a number that is not finite"))
            }
        }
        ("TEXT", ty) => {
            let t: String = decoded(raw)?;
            let size = t.len();
            text(t, ty)
                .map(|v| (v, size))
                .ok_or_else(|| wrong("other text"))
        }
        ("BLOB", ColumnType::Bytes) => {
            let b: Vec<u8> = decoded(raw)?;
            let size = b.len();
            Ok((Value::Bytes(b), size))
        }
        (other, _) => Err(wrong(other)),
    }
}

fn decoded<'r, T: Decode<'r, sqlx::Sqlite>>(raw: SqliteValueRef<'r>) -> Result<T, StoreError> {
    T::decode(raw).map_err(|e| StoreError::Corrupt(format!("a value cannot be read: {e}")))
}

fn integer(n: i64, ty: ColumnType) -> Option<Value> {
    match ty {
        ColumnType::Integer => Some(Value::Integer(n)),
        ColumnType::Time => Some(Value::Time(n)),
        ColumnType::Boolean => Some(Value::Boolean(n != 0)),
        // Exact up to 2^53, as everywhere where an integer meets a real.
        ColumnType::Real => Some(Value::Real(n as f64)),
        _ => None,
    }
}

fn text(t: String, ty: ColumnType) -> Option<Value> {
    match ty {
        ColumnType::Text => Some(Value::Text(t)),
        ColumnType::Json => Some(Value::Json(t)),
        ColumnType::Did => Did::parse(&t).ok().map(Value::Did),
        ColumnType::AtUri => AtUri::parse(&t).ok().map(Value::Uri),
        _ => None,
    }
}
