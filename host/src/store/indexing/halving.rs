//! What SQL refuses costs only its own change: a batch that is refused is halved until the one bad change is alone.

use std::borrow::Cow;
use std::ops::Range;

use super::replace::replace;
use super::resolve::{Outcome, Resolved};
use super::shape::Shape;
use super::sql::IndexSql;
use crate::store::error::StoreError;
use crate::store::rows::{DeadReason, cut_detail};

/// Writes all changes. Those that SQL refuses become dead letters. Returns the number of rows written.
pub(super) async fn write<S: IndexSql>(
    sql: &mut S,
    shape: &Shape,
    changes: &mut [Resolved<'_>],
    now_us: i64,
) -> Result<u64, StoreError> {
    let mut rows = 0;
    let mut todo: Vec<Range<usize>> = std::iter::once(0..changes.len()).collect();
    while let Some(range) = todo.pop() {
        let Some(part) = changes.get_mut(range.clone()) else {
            continue;
        };
        match (attempt(sql, shape, part, now_us).await?, part) {
            (Attempt::Done(written), _) => rows += written,
            (Attempt::Refused(detail), [one]) if !one.is_dead() => {
                let detail = cut_detail(detail);
                one.outcome = Outcome::Dead(DeadReason::Sql, Cow::Owned(detail));
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

enum Attempt {
    /// Rows written.
    Done(u64),
    /// SQL refused something, in its words; nothing has changed.
    Refused(String),
}

async fn attempt<S: IndexSql>(
    sql: &mut S,
    shape: &Shape,
    changes: &[Resolved<'_>],
    now_us: i64,
) -> Result<Attempt, StoreError> {
    if changes.is_empty() {
        return Ok(Attempt::Done(0));
    }
    sql.attempt().await?;
    match replace(sql, shape, changes, now_us).await {
        Ok(rows) => {
            sql.keep().await?;
            Ok(Attempt::Done(rows))
        }
        Err(error) if S::is_about_values(&error) => {
            sql.undo().await?;
            Ok(Attempt::Refused(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
