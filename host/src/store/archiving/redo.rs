//! `redo`: the records of an account that changed visibility pass through the feed once more.
//!
//! Consumers give an account's records rows or none by its visibility at the time, so this is all that hiding and
//! showing needs: rows and counts become right by the ordinary path.

use super::step_sql::{Pending, Place, StepSql};
use crate::entry::Partition;
use crate::limits;
use crate::store::archive::RedoStep;
use crate::store::error::StoreError;
use crate::store::feed::Pos;

/// Moves the next records of the first waiting account to one new pos.
pub(in crate::store) async fn step<S: StepSql>(sql: &mut S) -> Result<RedoStep, StoreError> {
    let Some(pending) = sql.first_redo().await? else {
        return Ok(RedoStep::default());
    };
    let moved = move_records(sql, &pending).await?;
    let next = moved.as_ref().and_then(|m| m.next.as_ref());
    sql.redo_to(pending.did_id, next).await?;
    Ok(RedoStep {
        more: next.is_some() || sql.redo_waits().await?,
        moved: moved.map(|m| m.to),
    })
}

/// What one step moved.
struct Moved {
    to: (Partition, Pos),
    /// The last record moved, when there may be more after it.
    next: Option<Place>,
}

async fn move_records<S: StepSql>(
    sql: &mut S,
    pending: &Pending,
) -> Result<Option<Moved>, StoreError> {
    let waiting = sql.next(pending, true).await?;
    let found = waiting.len();
    let mut ids: Vec<i64> = Vec::with_capacity(found);
    let mut bytes = 0;
    let mut last: Option<(Option<Partition>, Place)> = None;
    for record in waiting {
        bytes += record.body_bytes.unwrap_or_default();
        if last.is_some() && bytes > limits::BATCH_BYTES_MAX {
            break;
        }
        ids.push(record.id);
        last = Some((record.partition, record.place));
    }
    let Some((Some(partition), place)) = last else {
        return Ok(None);
    };
    let moved_all = ids.len() == found && found < limits::REDO_RECORDS_PER_STEP;
    let pos = sql.take_pos(partition).await?;
    sql.replace(&ids, pos).await?;
    Ok(Some(Moved {
        to: (partition, pos),
        next: (!moved_all).then_some(place),
    }))
}
