//! Applies one unit of one plugin: positions, rows, counts and dead letters, inside the writer's savepoint.
//!
//! Guarantees: after it, each record of the unit owns exactly the rows that its effect says, none when its account
//! is hidden; what SQL refuses costs only the change that it belongs to. On an error the caller must roll back:
//! trouble of the machine is never a dead letter.

use std::borrow::Cow;
use std::ops::Range;

use sqlx::SqliteConnection;

use super::intern::Interner;
use super::schema::GenerationTables;
use super::{dead, generation};
use crate::store::error::StoreError;
use crate::store::rows::{Applied, DeadReason, IndexUnit};

mod cell;
mod claims;
mod replace;
mod resolve;

pub(super) use cell::Cell;
use resolve::{Outcome, Resolved};

/// Applies `unit`. The caller holds a savepoint and rolls it back on an error.
///
/// # Errors
/// [`StoreError::PositionMoved`] before anything is written; [`StoreError::Unavailable`] and the like for the machine.
pub(super) async fn apply(
    c: &mut SqliteConnection,
    intern: &mut Interner,
    tables: &GenerationTables,
    unit: &IndexUnit,
) -> Result<Applied, StoreError> {
    generation::advance(c, tables, &unit.advances).await?;
    let mut changes = resolve::resolve(c, intern, tables, unit).await?;
    let rows = write(c, tables, &mut changes, unit.now_us).await?;
    let dead = changes.iter().filter(|r| r.is_dead()).count();
    Ok(Applied {
        rows,
        dead: u64::try_from(dead).unwrap_or(u64::MAX),
    })
}

/// Writes all changes, halving where SQL refuses until the one bad change is alone.
async fn write(
    c: &mut SqliteConnection,
    tables: &GenerationTables,
    changes: &mut [Resolved<'_>],
    now_us: i64,
) -> Result<u64, StoreError> {
    let mut rows = 0;
    let mut todo: Vec<Range<usize>> = std::iter::once(0..changes.len()).collect();
    while let Some(range) = todo.pop() {
        let Some(part) = changes.get_mut(range.clone()) else {
            continue;
        };
        match (attempt(c, tables, part, now_us).await?, part) {
            (Attempt::Done(written), _) => rows += written,
            (Attempt::Refused(detail), [one]) if !one.is_dead() => {
                one.outcome = Outcome::Dead(DeadReason::Sql, Cow::Owned(dead::cut(detail)));
                todo.push(range);
            }
            (Attempt::Refused(detail), [] | [_]) => {
                return Err(StoreError::Corrupt(format!(
                    "removing what a record owned was refused: {detail}"
                )));
            }
            (Attempt::Refused(_), [..]) => {
                let middle = range.start + range.len() / 2;
                todo.push(middle..range.end);
                todo.push(range.start..middle);
            }
        }
    }
    Ok(rows)
}

/// Whether an error says that the values handed in are not acceptable, while the transaction lives on.
fn is_data_error(error: &sqlx::Error) -> bool {
    const TOO_BIG: u32 = 18;
    const CONSTRAINT: u32 = 19;
    const MISMATCH: u32 = 20;
    error
        .as_database_error()
        .and_then(|e| e.code()?.parse::<u32>().ok())
        // An extended code's low byte is its primary one.
        .is_some_and(|code| matches!(code & 0xff, TOO_BIG | CONSTRAINT | MISMATCH))
}

enum Attempt {
    /// Rows written.
    Done(u64),
    /// SQL refused something, in its words; nothing has changed.
    Refused(String),
}

async fn attempt(
    c: &mut SqliteConnection,
    tables: &GenerationTables,
    changes: &[Resolved<'_>],
    now_us: i64,
) -> Result<Attempt, StoreError> {
    if changes.is_empty() {
        return Ok(Attempt::Done(0));
    }
    sqlx::query("savepoint changes").execute(&mut *c).await?;
    match replace::replace(c, tables, changes, now_us).await {
        Ok(rows) => {
            sqlx::query("release changes").execute(&mut *c).await?;
            Ok(Attempt::Done(rows))
        }
        Err(error) if is_data_error(&error) => {
            sqlx::query("rollback to changes").execute(&mut *c).await?;
            sqlx::query("release changes").execute(&mut *c).await?;
            Ok(Attempt::Refused(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
