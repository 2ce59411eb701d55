//! Replaces what records own, table by table: old rows go, new ones come, winners and counts follow.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::super::schema::{Form, GenerationTables, Source, TableTexts};
use super::super::{bulk, counts, dead};
use super::cell::Cell;
use super::claims;
use super::resolve::{Outcome, Resolved, Row};
use crate::store::feed::{Change, ChangeState};

/// A row that went.
pub(super) struct Old {
    /// Whether it won its key.
    pub(super) wins: bool,
    pub(super) kept: Vec<Cell<'static>>,
}

/// A row that comes.
pub(super) struct New<'r> {
    pub(super) change: &'r Change,
    pub(super) row: &'r Row<'r>,
    /// Whether it wins its key.
    pub(super) wins: bool,
    pub(super) kept: Vec<Cell<'r>>,
}

/// Makes the records of `changes` own what their outcomes say. Returns the number of rows written.
pub(super) async fn replace(
    c: &mut SqliteConnection,
    tables: &GenerationTables,
    changes: &[Resolved<'_>],
    now_us: i64,
) -> Result<u64, sqlx::Error> {
    let records: Vec<i64> = changes.iter().map(|r| r.change.record_id).collect();
    let records = bulk::id_list(&records);
    let mut written = 0;
    for (ordinal, table) in tables.tables.iter().enumerate() {
        let old = remove(c, table, &records).await?;
        let mut new = coming(table, ordinal, changes);
        let turned = match &table.claims {
            Some(texts) => claims::settle(c, table, texts, &old, &mut new).await?,
            None => Vec::new(),
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
        insert(c, table, &new).await?;
        deltas.apply(c).await?;
        written += new.len();
    }
    dead::replace(c, tables, &records, &dead_letters(changes), now_us).await?;
    Ok(u64::try_from(written).unwrap_or(u64::MAX))
}

async fn remove(
    c: &mut SqliteConnection,
    table: &TableTexts,
    records: &str,
) -> Result<Vec<Old>, sqlx::Error> {
    let query = sqlx::query(AssertSqlSafe(table.remove.clone())).bind(records);
    if table.kept.is_empty() {
        query.execute(c).await?;
        return Ok(Vec::new());
    }
    let rows = query.fetch_all(c).await?;
    rows.iter()
        .map(|row| {
            Ok(Old {
                wins: row.try_get_unchecked::<i64, _>(0)? == 1,
                kept: read_kept(table, row, 1)?,
            })
        })
        .collect()
}

/// Reads what is kept of a row, starting at column `from` of a result.
pub(super) fn read_kept(
    table: &TableTexts,
    row: &sqlx::sqlite::SqliteRow,
    from: usize,
) -> Result<Vec<Cell<'static>>, sqlx::Error> {
    table
        .kept
        .iter()
        .enumerate()
        .map(|(at, (_, ty))| Cell::read(row, from + at, *ty))
        .collect()
}

/// The rows that come into one table.
fn coming<'r>(table: &TableTexts, ordinal: usize, changes: &'r [Resolved<'_>]) -> Vec<New<'r>> {
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

fn kept_of<'r>(table: &TableTexts, change: &Change, row: &'r Row<'_>) -> Vec<Cell<'r>> {
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

async fn insert(
    c: &mut SqliteConnection,
    table: &TableTexts,
    new: &[New<'_>],
) -> Result<(), sqlx::Error> {
    for chunk in table.insert.chunks(new.len()) {
        let mut query = sqlx::query(table.insert.text(&chunk));
        for New {
            change, row, wins, ..
        } in &new[chunk]
        {
            // A row comes from a live record only.
            let ChangeState::Live {
                rev, cid, seen_us, ..
            } = &change.state
            else {
                continue;
            };
            query = query.bind(change.record_id);
            if table.form != Form::One {
                query = query.bind(row.n);
            }
            query = query
                .bind(change.did_id)
                .bind(change.pos)
                .bind(rev.as_str())
                .bind(cid.to_string())
                .bind(*seen_us);
            if table.form == Form::Claims {
                query = query.bind(i64::from(*wins));
            }
            for cell in &row.cells {
                query = cell.bind(query);
            }
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

fn dead_letters<'r>(changes: &'r [Resolved<'_>]) -> Vec<dead::Letter<'r>> {
    changes
        .iter()
        .filter_map(|resolved| match &resolved.outcome {
            Outcome::Dead(reason, detail) => Some(dead::Letter {
                record_id: resolved.change.record_id,
                pos: resolved.change.pos,
                reason: *reason,
                detail,
            }),
            Outcome::Rows(_) | Outcome::Nothing => None,
        })
        .collect()
}
