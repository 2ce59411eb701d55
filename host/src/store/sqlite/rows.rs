//! Applying a plugin's unit: positions, rows, winners, counts and dead letters, together.
//!
//! Guarantees: the rows of every touched record are exactly those of its effect, and none while its account is
//! hidden; counts are the winners' GROUP BY; a row that the database itself refuses costs its own change only.

mod cell;
mod claims;
mod write;

use std::collections::{HashMap, HashSet};

use sqlx::{Row, SqliteConnection};

use super::bulk;
use super::counts::Deltas;
use super::dead::{self, Dead};
use super::intern::Interner;
use super::schema::GenerationTables;
use crate::store::{
    Advance, Applied, Change, DeadReason, Effect, GenerationId, IndexUnit, Put, StoreError,
};
use cell::Ids;

pub(super) use cell::Cell;

/// One change and the rows that it makes.
pub(super) type Made<'u> = (&'u Change, &'u [Put]);

/// Applies one unit inside the writer's savepoint.
pub(super) async fn apply(
    db: &mut SqliteConnection,
    intern: &mut Interner,
    tables: &GenerationTables,
    unit: &IndexUnit,
) -> Result<Applied, StoreError> {
    advance(db, unit.generation, &unit.advances).await?;
    if unit.effects.is_empty() {
        return Ok(Applied::default());
    }
    let hidden = hidden(db, unit).await?;
    let mut made: Vec<Made<'_>> = Vec::with_capacity(unit.effects.len());
    let mut dead = Vec::new();
    for (change, effect) in &unit.effects {
        match effect {
            Effect::Rows(puts) if !hidden.contains(&change.did_id) => made.push((change, puts)),
            Effect::Dead { reason, detail } if !hidden.contains(&change.did_id) => {
                dead.push(Dead {
                    change,
                    reason: *reason,
                    detail: detail.clone(),
                });
                made.push((change, &[]));
            }
            _ => made.push((change, &[])),
        }
    }
    // Before the first savepoint below: what is interned here must outlive a half that is undone.
    let ids = Ids::intern(db, intern, &made).await?;
    let rows = write_or_halve(db, tables, &made, &ids, &mut dead).await?;
    let touched: Vec<i64> = unit.effects.iter().map(|(c, _)| c.record_id).collect();
    dead::replace(db, unit.generation, &touched, &dead, unit.now_us).await?;
    Ok(Applied {
        rows,
        dead: dead.len() as u64,
    })
}

/// Moves positions by compare-and-set.
async fn advance(
    db: &mut SqliteConnection,
    generation: GenerationId,
    advances: &[Advance],
) -> Result<(), StoreError> {
    for step in advances {
        let moved = sqlx::query(
            "update position set pos = ?4 where generation = ?1 and part = ?2 and pos = ?3",
        )
        .bind(generation)
        .bind(i64::from(step.partition))
        .bind(step.from)
        .bind(step.to)
        .execute(&mut *db)
        .await?
        .rows_affected();
        if moved == 1 {
            continue;
        }
        let found = sqlx::query("select pos from position where generation = ?1 and part = ?2")
            .bind(generation)
            .bind(i64::from(step.partition))
            .fetch_optional(&mut *db)
            .await?;
        return Err(StoreError::PositionMoved {
            partition: step.partition,
            owner: format!("generation {generation}"),
            expected: step.from,
            found: found.map_or(-1, |row| row.get(0)),
        });
    }
    Ok(())
}

/// Which of the unit's accounts are hidden now.
async fn hidden(db: &mut SqliteConnection, unit: &IndexUnit) -> Result<HashSet<i64>, StoreError> {
    let mut ids: Vec<i64> = unit.effects.iter().map(|(c, _)| c.did_id).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(
        sqlx::query("select did_id from hidden where did_id in (select value from json_each(?1))")
            .bind(bulk::id_list(&ids))
            .fetch_all(db)
            .await?
            .iter()
            .map(|row| row.get(0))
            .collect(),
    )
}

/// Writes all changes; where the database refuses data, halves them until the bad one is alone.
async fn write_or_halve<'u>(
    db: &mut SqliteConnection,
    tables: &GenerationTables,
    made: &[Made<'u>],
    ids: &Ids,
    dead: &mut Vec<Dead<'u>>,
) -> Result<u64, StoreError> {
    let mut rows = 0;
    // Last in, first out: the left half is on top, so changes are applied in order.
    let mut waiting: Vec<Vec<Made<'u>>> = vec![made.to_vec()];
    while let Some(part) = waiting.pop() {
        sqlx::query("savepoint part").execute(&mut *db).await?;
        let refused = match write_all(db, tables, &part, ids).await {
            Ok(written) => {
                sqlx::query("release part").execute(&mut *db).await?;
                rows += written;
                continue;
            }
            Err(WriteError::Store(error)) => return Err(error),
            Err(WriteError::Refused(message)) => message,
        };
        sqlx::query("rollback to part").execute(&mut *db).await?;
        sqlx::query("release part").execute(&mut *db).await?;
        match part[..] {
            // Even without rows: then it is not the data, and nothing we could leave out would help.
            [(_, [])] => return Err(StoreError::Unavailable(refused)),
            [(change, _)] => {
                dead.push(Dead {
                    change,
                    reason: DeadReason::Sql,
                    detail: refused,
                });
                waiting.push(vec![(change, &[])]);
            }
            _ => {
                let (left, right) = part.split_at(part.len() / 2);
                waiting.push(right.to_vec());
                waiting.push(left.to_vec());
            }
        }
    }
    Ok(rows)
}

/// What can end a write.
pub(super) enum WriteError {
    /// The database refuses these values.
    Refused(String),
    /// Anything else.
    Store(StoreError),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        // Primary result codes: SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH.
        const ABOUT_DATA: [i32; 3] = [18, 19, 20];
        let code = error
            .as_database_error()
            .and_then(|e| e.code()?.parse::<i32>().ok());
        match code {
            Some(code) if ABOUT_DATA.contains(&(code & 0xff)) => Self::Refused(error.to_string()),
            _ => Self::Store(error.into()),
        }
    }
}

async fn write_all(
    db: &mut SqliteConnection,
    tables: &GenerationTables,
    made: &[Made<'_>],
    ids: &Ids,
) -> Result<u64, WriteError> {
    let mut rows = 0;
    for (ordinal, table) in (0_u16..).zip(&tables.tables) {
        let of_table = write::rows_of(table, ordinal, made, ids);
        rows += of_table.len() as u64;
        let mut deltas = Deltas::new(table);
        write::replace(db, table, made, &of_table, &mut deltas).await?;
        deltas.write(db).await?;
    }
    Ok(rows)
}

/// Groups by key, keeping what was met first at each key's place.
pub(super) fn grouped<K: std::hash::Hash + Eq, V>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}
