//! Replaces what records own, table by table: old rows go, new ones come, winners and counts follow.

use super::cell::Cell;
use super::resolve::{Outcome, Resolved, Row};
use super::shape::{Form, Shape, Source, TableShape};
use super::sql::IndexSql;
use super::{claims, counts, letters};
use crate::store::feed::Change;

/// A row that went.
pub(in crate::store) struct Old {
    /// Whether it won its key.
    pub(in crate::store) wins: bool,
    pub(in crate::store) kept: Vec<Cell<'static>>,
}

/// A row that comes.
pub(in crate::store) struct New<'r> {
    pub(in crate::store) change: &'r Change,
    pub(in crate::store) row: &'r Row<'r>,
    /// Whether it wins its key.
    pub(in crate::store) wins: bool,
    pub(in crate::store) kept: Vec<Cell<'r>>,
}

/// Makes the records of `changes` own what their outcomes say. Returns the number of rows written.
pub(super) async fn replace<S: IndexSql>(
    sql: &mut S,
    shape: &Shape,
    changes: &[Resolved<'_>],
    now_us: i64,
) -> Result<u64, sqlx::Error> {
    let ids: Vec<i64> = changes.iter().map(|r| r.change.record_id).collect();
    let records = S::records(&ids);
    let mut written = 0;
    for (ordinal, table) in shape.tables.iter().enumerate() {
        let old = sql.remove(ordinal, &records).await?;
        let mut new = coming(table, ordinal, changes);
        let turned = match table.form {
            Form::Claims => claims::settle(sql, (ordinal, table), &old, &mut new).await?,
            Form::One | Form::Many => Vec::new(),
        };
        let mut deltas = counts::Deltas::new(table);
        for (kept, by) in &turned {
            deltas.add(kept, *by);
        }
        for row in old.iter().filter(|o| o.wins) {
            deltas.add(&row.kept, -1);
        }
        for row in new.iter().filter(|n| n.wins) {
            deltas.add(&row.kept, 1);
        }
        if !new.is_empty() {
            sql.insert(ordinal, &new).await?;
        }
        deltas.apply(sql, ordinal).await?;
        written += new.len();
    }
    sql.letters(&records, &letters::of(changes), now_us).await?;
    Ok(u64::try_from(written).unwrap_or(u64::MAX))
}

/// The rows that come into one table.
fn coming<'r>(table: &TableShape, ordinal: usize, changes: &'r [Resolved<'_>]) -> Vec<New<'r>> {
    let mut new = Vec::with_capacity(changes.len());
    for resolved in changes {
        let Outcome::Rows(rows) = &resolved.outcome else {
            continue;
        };
        for row in rows.iter().filter(|r| r.table == ordinal) {
            new.push(New {
                change: resolved.change,
                row,
                wins: true,
                kept: kept_of(table, resolved.change, row),
            });
        }
    }
    new
}

fn kept_of<'r>(table: &TableShape, change: &Change, row: &'r Row<'_>) -> Vec<Cell<'r>> {
    table
        .kept
        .iter()
        .map(|(source, _)| match source {
            Source::Record => Cell::Integer(change.record_id),
            Source::Owner => Cell::Integer(change.did_id),
            Source::Column(at) => row.cells.get(*at).map_or(Cell::Null, Cell::borrowed),
        })
        .collect()
}
