//! A value as it stands in a table: DIDs and URIs are ids, booleans and times integers.
//!
//! Equal cells are equal in SQL and the other way round, so keys and counters can be compared here.

use std::borrow::Cow;
use std::cmp::Ordering;

use aviary_manifest::ColumnType;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Row as _, ValueRef as _};

use crate::store::rows::Value;

/// One value of one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::store::sqlite) enum Cell<'a> {
    Null,
    Integer(i64),
    Real(Real),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

/// A finite number with the order that SQL gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store::sqlite) struct Real(u64);

impl Real {
    fn new(value: f64) -> Self {
        // SQL holds both zeros equal; adding a positive zero makes the negative one positive.
        Self((value + 0.0).to_bits())
    }

    fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value().total_cmp(&other.value())
    }
}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What hands out interned ids, in the order in which a unit's values stand.
pub(super) struct Ids<'a> {
    pub(super) dids: std::slice::Iter<'a, i64>,
    pub(super) uris: std::slice::Iter<'a, i64>,
}

impl<'a> Cell<'a> {
    /// A declared column's value; ids are taken from `ids`. `None` when the ids have run out.
    pub(super) fn of(value: &'a Value, ids: &mut Ids<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Boolean(b) => Self::Integer(i64::from(*b)),
            Value::Integer(i) | Value::Time(i) => Self::Integer(*i),
            Value::Real(r) => Self::Real(Real::new(*r)),
            Value::Text(t) | Value::Json(t) => Self::Text(Cow::Borrowed(t)),
            Value::Bytes(b) => Self::Bytes(Cow::Borrowed(b)),
            Value::Did(_) => Self::Integer(*ids.dids.next()?),
            Value::Uri(_) => Self::Integer(*ids.uris.next()?),
        })
    }

    /// The same without its bytes.
    pub(in crate::store::sqlite) fn borrowed(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(i) => Cell::Integer(*i),
            Self::Real(r) => Cell::Real(*r),
            Self::Text(t) => Cell::Text(Cow::Borrowed(t)),
            Self::Bytes(b) => Cell::Bytes(Cow::Borrowed(b)),
        }
    }

    /// Column `at` of a result, whose declared type is `ty`.
    pub(in crate::store::sqlite) fn read(
        row: &SqliteRow,
        at: usize,
        ty: ColumnType,
    ) -> Result<Cell<'static>, sqlx::Error> {
        if row.try_get_raw(at)?.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match ty {
            ColumnType::Text | ColumnType::Json => {
                Cell::Text(Cow::Owned(row.try_get_unchecked(at)?))
            }
            ColumnType::Bytes => Cell::Bytes(Cow::Owned(row.try_get_unchecked(at)?)),
            ColumnType::Real => Cell::Real(Real::new(row.try_get_unchecked(at)?)),
            ColumnType::Integer
            | ColumnType::Boolean
            | ColumnType::Time
            | ColumnType::Did
            | ColumnType::AtUri => Cell::Integer(row.try_get_unchecked(at)?),
        })
    }

    /// Binds it as the next parameter.
    pub(in crate::store::sqlite) fn bind<'q>(
        &self,
        query: Query<'q, Sqlite, SqliteArguments>,
    ) -> Query<'q, Sqlite, SqliteArguments> {
        match self {
            Self::Null => query.bind(None::<i64>),
            Self::Integer(i) => query.bind(*i),
            Self::Real(r) => query.bind(r.value()),
            Self::Text(t) => query.bind(&**t),
            Self::Bytes(b) => query.bind(&**b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_one_and_numbers_are_in_order() {
        assert_eq!(Real::new(0.0), Real::new(-0.0));
        let mut reals: Vec<Real> = [3.5, -1.0, 0.0, -7.25].map(Real::new).to_vec();
        reals.sort();
        let values: Vec<f64> = reals.iter().map(|r| r.value()).collect();
        assert_eq!(values, [-7.25, -1.0, 0.0, 3.5]);
    }
}
