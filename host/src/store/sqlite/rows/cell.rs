//! How a cell goes into a statement and comes out of a row.

use aviary_manifest::ColumnType;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Row as _, ValueRef as _};

use super::super::schema::TableTexts;
use crate::store::indexing::{Cell, Real};

/// Column `at` of a result, whose declared type is `ty`.
fn read(row: &SqliteRow, at: usize, ty: ColumnType) -> Result<Cell<'static>, sqlx::Error> {
    if row.try_get_raw(at)?.is_null() {
        return Ok(Cell::Null);
    }
    Ok(match ty {
        ColumnType::Text | ColumnType::Json => {
            Cell::Text(row.try_get_unchecked::<String, _>(at)?.into())
        }
        ColumnType::Bytes => Cell::Bytes(row.try_get_unchecked::<Vec<u8>, _>(at)?.into()),
        ColumnType::Real => Cell::Real(Real::new(row.try_get_unchecked(at)?)),
        ColumnType::Integer
        | ColumnType::Boolean
        | ColumnType::Time
        | ColumnType::Did
        | ColumnType::AtUri => Cell::Integer(row.try_get_unchecked(at)?),
    })
}

/// What is kept of a row, starting at column `from` of a result.
pub(super) fn read_kept(
    texts: &TableTexts,
    row: &SqliteRow,
    from: usize,
) -> Result<Vec<Cell<'static>>, sqlx::Error> {
    texts
        .kept
        .iter()
        .enumerate()
        .map(|(at, ty)| read(row, from + at, *ty))
        .collect()
}

/// Binds a cell as the next parameter.
pub(super) fn bind<'q>(
    cell: &Cell<'_>,
    query: Query<'q, Sqlite, SqliteArguments>,
) -> Query<'q, Sqlite, SqliteArguments> {
    match cell {
        Cell::Null => query.bind(None::<i64>),
        Cell::Integer(i) => query.bind(*i),
        Cell::Real(r) => query.bind(r.value()),
        Cell::Text(t) => query.bind(&**t),
        Cell::Bytes(b) => query.bind(&**b),
    }
}
