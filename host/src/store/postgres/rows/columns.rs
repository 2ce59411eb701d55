//! Columns of cells as arrays, one parameter each, and cells out of rows.

use aviary_manifest::ColumnType;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{Row as _, ValueRef as _};

use crate::store::indexing::{Cell, Real};

/// A statement that is being bound.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Binds one column's cells as the next parameter. A cell that is not of the column's type is bound as null.
pub(super) fn bind<'q, 'c>(
    query: Statement<'q>,
    ty: ColumnType,
    cells: impl Iterator<Item = Option<&'c Cell<'c>>>,
) -> Statement<'q> {
    match ty {
        ColumnType::Text | ColumnType::Json => {
            let texts: Vec<Option<&str>> = cells
                .map(|cell| match cell {
                    Some(Cell::Text(text)) => Some(&**text),
                    _ => None,
                })
                .collect();
            query.bind(texts)
        }
        ColumnType::Bytes => {
            let bytes: Vec<Option<&[u8]>> = cells
                .map(|cell| match cell {
                    Some(Cell::Bytes(bytes)) => Some(&**bytes),
                    _ => None,
                })
                .collect();
            query.bind(bytes)
        }
        ColumnType::Real => {
            let reals: Vec<Option<f64>> = cells
                .map(|cell| match cell {
                    Some(Cell::Real(real)) => Some(real.value()),
                    _ => None,
                })
                .collect();
            query.bind(reals)
        }
        ColumnType::Boolean => {
            let truths: Vec<Option<bool>> = cells.map(|c| integer(c).map(|i| i != 0)).collect();
            query.bind(truths)
        }
        ColumnType::Integer | ColumnType::Time | ColumnType::Did | ColumnType::AtUri => {
            let integers: Vec<Option<i64>> = cells.map(integer).collect();
            query.bind(integers)
        }
    }
}

fn integer(cell: Option<&Cell<'_>>) -> Option<i64> {
    match cell {
        Some(Cell::Integer(i)) => Some(*i),
        _ => None,
    }
}

/// The cells of a row from column `from` on, of these types.
pub(super) fn read(
    row: &PgRow,
    from: usize,
    types: &[ColumnType],
) -> Result<Vec<Cell<'static>>, sqlx::Error> {
    (from..)
        .zip(types)
        .map(|(at, ty)| cell(row, at, *ty))
        .collect()
}

fn cell(row: &PgRow, at: usize, ty: ColumnType) -> Result<Cell<'static>, sqlx::Error> {
    if row.try_get_raw(at)?.is_null() {
        return Ok(Cell::Null);
    }
    Ok(match ty {
        ColumnType::Text | ColumnType::Json => Cell::Text(row.try_get::<String, _>(at)?.into()),
        ColumnType::Bytes => Cell::Bytes(row.try_get::<Vec<u8>, _>(at)?.into()),
        ColumnType::Real => Cell::Real(Real::new(row.try_get(at)?)),
        ColumnType::Boolean => Cell::Integer(row.try_get::<bool, _>(at)?.into()),
        ColumnType::Integer | ColumnType::Time | ColumnType::Did | ColumnType::AtUri => {
            Cell::Integer(row.try_get(at)?)
        }
    })
}
