//! Replacing the rows of touched records in one table.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::cell::{Cell, Ids};
use super::{Made, WriteError, claims};
use crate::store::sqlite::bulk;
use crate::store::sqlite::counts::Deltas;
use crate::store::sqlite::schema::{RowTable, Shape};
use crate::store::{Change, ChangeState};

/// One row that a record makes.
pub(super) struct NewRow<'u> {
    pub(super) change: &'u Change,
    /// Its number among the record's rows in this table.
    pub(super) n: i64,
    /// Declared columns.
    pub(super) cells: Vec<Cell>,
}

/// The rows of one table, in order.
pub(super) fn rows_of<'u>(
    table: &RowTable,
    ordinal: u16,
    made: &[Made<'u>],
    ids: &Ids,
) -> Vec<NewRow<'u>> {
    let mut rows = Vec::new();
    for (change, puts) in made {
        let of_table = puts.iter().filter(|put| put.table == ordinal);
        rows.extend((0..).zip(of_table).map(|(n, put)| {
            NewRow {
                change,
                n,
                cells: put
                    .row
                    .iter()
                    .take(table.columns.len())
                    .map(|v| ids.cell(v))
                    .collect(),
            }
        }));
    }
    rows
}

/// Old rows of the touched records out, new rows in; counts learn the difference.
pub(super) async fn replace(
    db: &mut SqliteConnection,
    table: &RowTable,
    made: &[Made<'_>],
    rows: &[NewRow<'_>],
    deltas: &mut Deltas<'_>,
) -> Result<(), WriteError> {
    let touched: Vec<i64> = made.iter().map(|(change, _)| change.record_id).collect();
    if table.shape == Shape::Claims {
        return claims::replace(db, table, &touched, rows, deltas).await;
    }
    deltas.take_deleted(db, table, &touched).await?;
    insert(db, table, rows).await?;
    for row in rows {
        deltas.add_row(row.change.did_id, &row.cells, 1);
    }
    Ok(())
}

/// Inserts rows; claims start as winners.
pub(super) async fn insert(
    db: &mut SqliteConnection,
    table: &RowTable,
    rows: &[NewRow<'_>],
) -> Result<(), WriteError> {
    let host = match table.shape {
        Shape::OnePerRecord => "_u, _d, _pos, _rev, _cid, _seen",
        Shape::ManyPerRecord => "_u, _n, _d, _pos, _rev, _cid, _seen",
        Shape::Claims => "_u, _n, _w, _d, _pos, _rev, _cid, _seen",
    };
    let declared: String = table
        .columns
        .iter()
        .map(|c| format!(", \"{}\"", c.name))
        .collect();
    let width = host.split(',').count() + table.columns.len();
    for chunk in bulk::chunks(rows) {
        let sql = format!(
            "insert into {} ({host}{declared}) values {}",
            table.name,
            bulk::values(width, chunk.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in chunk {
            let ChangeState::Live {
                rev, cid, seen_us, ..
            } = &row.change.state
            else {
                return Err(WriteError::Refused(
                    "a deleted record cannot own rows".into(),
                ));
            };
            query = query.bind(row.change.record_id);
            if table.shape != Shape::OnePerRecord {
                query = query.bind(row.n);
            }
            if table.shape == Shape::Claims {
                query = query.bind(1_i64);
            }
            query = query
                .bind(row.change.did_id)
                .bind(row.change.pos)
                .bind(rev.as_str().to_owned())
                .bind(cid.to_string())
                .bind(*seen_us);
            for cell in &row.cells {
                query = cell.clone().bind(query);
            }
        }
        query.execute(&mut *db).await?;
    }
    Ok(())
}
