//! `redo`: the records of an account that changed visibility pass through the feed once more.
//!
//! Consumers give an account's records rows or none by its visibility at the time, so this is all that hiding and
//! showing needs: rows and counts become right by the ordinary path.

use sqlx::{Row as _, SqliteConnection};

use super::bulk;
use super::memory::Memory;
use crate::entry::Partition;
use crate::limits;
use crate::store::archive::RedoStep;
use crate::store::error::StoreError;
use crate::store::feed::Pos;

struct Pending {
    did_id: i64,
    after: (i64, String),
}

/// Moves the next records of the first waiting account to one new pos.
pub(super) async fn step(
    c: &mut SqliteConnection,
    memory: &mut Memory,
) -> Result<RedoStep, StoreError> {
    let first =
        sqlx::query("select did_id, after_coll, after_rkey from redo order by did_id limit 1")
            .fetch_optional(&mut *c)
            .await?;
    let Some(first) = first else {
        return Ok(RedoStep::default());
    };
    let pending = Pending {
        did_id: first.try_get(0)?,
        after: (first.try_get(1)?, first.try_get(2)?),
    };
    let moved = move_records(c, memory, &pending).await?;
    match moved.as_ref().and_then(|m| m.next.as_ref()) {
        Some((coll_id, rkey)) => {
            sqlx::query("update redo set after_coll = ?, after_rkey = ? where did_id = ?")
                .bind(*coll_id)
                .bind(rkey.as_str())
                .bind(pending.did_id)
                .execute(&mut *c)
                .await?;
        }
        None => {
            sqlx::query("delete from redo where did_id = ?")
                .bind(pending.did_id)
                .execute(&mut *c)
                .await?;
        }
    }
    let more: bool = sqlx::query_scalar("select exists (select 1 from redo)")
        .fetch_one(c)
        .await?;
    Ok(RedoStep {
        more,
        moved: moved.map(|m| m.to),
    })
}

/// What one step moved.
struct Moved {
    to: (Partition, Pos),
    /// The last record moved, when there may be more after it.
    next: Option<(i64, String)>,
}

async fn move_records(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    pending: &Pending,
) -> Result<Option<Moved>, StoreError> {
    let rows = sqlx::query(
        "select id, coll_id, rkey, part, length(body) from record \
         where did_id = ? and (coll_id, rkey) > (?, ?) and cid is not null \
         order by coll_id, rkey limit ?",
    )
    .bind(pending.did_id)
    .bind(pending.after.0)
    .bind(pending.after.1.as_str())
    .bind(i64::try_from(limits::REDO_RECORDS_PER_STEP).unwrap_or(i64::MAX))
    .fetch_all(&mut *c)
    .await?;
    let mut ids: Vec<i64> = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    let mut last: Option<(Partition, i64, String)> = None;
    for row in &rows {
        bytes += usize::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0);
        if last.is_some() && bytes > limits::BATCH_BYTES_MAX {
            break;
        }
        ids.push(row.try_get(0)?);
        last = Some((row.try_get(3)?, row.try_get(1)?, row.try_get(2)?));
    }
    let Some((partition, coll_id, rkey)) = last else {
        return Ok(None);
    };
    let moved_all = ids.len() == rows.len() && rows.len() < limits::REDO_RECORDS_PER_STEP;
    let standing = memory.standing(c).await?;
    let pos = standing.take(partition)?;
    standing.save(c).await?;
    sqlx::query("update record set pos = ? where id in (select value from json_each(?))")
        .bind(pos)
        .bind(bulk::id_list(&ids))
        .execute(c)
        .await?;
    Ok(Some(Moved {
        to: (partition, pos),
        next: (!moved_all).then_some((coll_id, rkey)),
    }))
}
