//! From a database's values to a page: each value is held against what the read declares, rows and bytes are counted.

use aviary_manifest::{Column, ColumnType};

use crate::atproto::{AtUri, Did};
use crate::limits;
use crate::store::error::StoreError;
use crate::store::gate::CompiledRead;
use crate::store::read::ReadPage;
use crate::store::rows::Value;

/// What a value costs besides its text or bytes.
const VALUE_BYTES: usize = 16;

/// A value as a database gives it.
#[derive(Debug)]
pub(in crate::store) enum Raw {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// One of a type that no column has, by its name.
    Other(String),
}

/// A page that grows row by row.
#[derive(Debug)]
pub(in crate::store) struct PageBuilder<'r> {
    returns: &'r [Column],
    page: ReadPage,
    bytes: usize,
}

impl<'r> PageBuilder<'r> {
    /// An empty page of a read.
    pub(in crate::store) fn new(read: &'r CompiledRead) -> Self {
        let columns = read.returns.iter().map(|r| r.name.clone()).collect();
        Self {
            returns: &read.returns,
            page: ReadPage {
                columns,
                rows: Vec::new(),
            },
            bytes: 0,
        }
    }

    /// Adds a row; `raw` gives the value of a column by its number.
    ///
    /// # Errors
    /// When the page is full, or a value is not what the read declares.
    pub(in crate::store) fn push(
        &mut self,
        mut raw: impl FnMut(usize) -> Result<Raw, StoreError>,
    ) -> Result<(), StoreError> {
        if self.page.rows.len() == limits::READ_ROWS_MAX {
            return Err(StoreError::TooManyRows {
                limit: limits::READ_ROWS_MAX,
            });
        }
        let mut values = Vec::with_capacity(self.returns.len());
        for (number, column) in self.returns.iter().enumerate() {
            let raw = raw(number)?;
            self.bytes += VALUE_BYTES + size(&raw);
            values.push(value(raw, column)?);
        }
        if self.bytes > limits::READ_BYTES_MAX {
            return Err(StoreError::TooManyBytes {
                limit: limits::READ_BYTES_MAX,
            });
        }
        self.page.rows.push(values);
        Ok(())
    }

    /// The page.
    pub(in crate::store) fn finish(self) -> ReadPage {
        self.page
    }
}

fn size(raw: &Raw) -> usize {
    match raw {
        Raw::Text(t) => t.len(),
        Raw::Bytes(b) => b.len(),
        _ => 0,
    }
}

fn value(raw: Raw, column: &Column) -> Result<Value, StoreError> {
    let wrong = |got: &str| {
        StoreError::Refused(format!(
            "the read's column {} is declared {}, the database gave {got}",
            column.name,
            column.ty.word()
        ))
    };
    match (raw, column.ty) {
        (Raw::Null, _) if column.nullable => Ok(Value::Null),
        (Raw::Null, _) => Err(wrong("NULL")),
        (Raw::Boolean(b), ColumnType::Boolean) => Ok(Value::Boolean(b)),
        (Raw::Boolean(_), _) => Err(wrong("a truth value")),
        (Raw::Integer(n), ty) => integer(n, ty).ok_or_else(|| wrong("an integer")),
        (Raw::Real(x), ColumnType::Real) if x.is_finite() => Ok(Value::Real(x)),
        (Raw::Real(_), ColumnType::Real) => Err(wrong("a number that is not finite")),
        (Raw::Real(_), _) => Err(wrong("a real")),
        (Raw::Text(t), ty) => text(t, ty).ok_or_else(|| wrong("other text")),
        (Raw::Bytes(b), ColumnType::Bytes) => Ok(Value::Bytes(b)),
        (Raw::Bytes(_), _) => Err(wrong("bytes")),
        (Raw::Other(name), _) => Err(wrong(&name)),
    }
}

fn integer(n: i64, ty: ColumnType) -> Option<Value> {
    match ty {
        ColumnType::Integer => Some(Value::Integer(n)),
        ColumnType::Time => Some(Value::Time(n)),
        // SQLite has no truth values of its own.
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
