//! Sending an account's records through the feed again after its visibility changed.

use sqlx::{Row, SqliteConnection};

use super::archive::ArchiveState;
use crate::entry::Partition;
use crate::limits;
use crate::store::{Pos, RedoStep, StoreError};

/// Moves the next records of the first account in `redo` to one new pos.
pub(super) async fn step(
    db: &mut SqliteConnection,
    state: &mut ArchiveState,
) -> Result<RedoStep, StoreError> {
    let Some(job) = sqlx::query("select did_id, after_id from redo order by did_id limit 1")
        .fetch_optional(&mut *db)
        .await?
    else {
        return Ok(RedoStep::default());
    };
    let (did_id, after_id): (i64, i64) = (job.get(0), job.get(1));
    let limit = i64::try_from(limits::REDO_RECORDS_PER_STEP).unwrap_or(i64::MAX);
    let records = sqlx::query(
        "select id, part from record where did_id = ?1 and id > ?2 and cid is not null order by id limit ?3",
    )
    .bind(did_id)
    .bind(after_id)
    .bind(limit)
    .fetch_all(&mut *db)
    .await?;
    let Some(last) = records.last() else {
        sqlx::query("delete from redo where did_id = ?1")
            .bind(did_id)
            .execute(&mut *db)
            .await?;
        return Ok(RedoStep {
            more: true,
            moved: None,
        });
    };
    let ids: Vec<i64> = records.iter().map(|row| row.get(0)).collect();
    let moved = move_to_new_pos(db, state, last.get(1), &ids).await?;
    sqlx::query("update redo set after_id = ?2 where did_id = ?1")
        .bind(did_id)
        .bind(last.get::<i64, _>(0))
        .execute(&mut *db)
        .await?;
    Ok(RedoStep {
        more: true,
        moved: Some(moved),
    })
}

async fn move_to_new_pos(
    db: &mut SqliteConnection,
    state: &mut ArchiveState,
    part: i64,
    ids: &[i64],
) -> Result<(Partition, Pos), StoreError> {
    let unknown = || {
        StoreError::Corrupt(format!(
            "a record of partition {part}, which does not exist"
        ))
    };
    let partition = Partition::try_from(part).map_err(|_| unknown())?;
    let head = state
        .heads
        .get_mut(usize::from(partition))
        .ok_or_else(unknown)?;
    *head += 1;
    let pos = *head;
    sqlx::query("update record set pos = ?2 where id in (select value from json_each(?1))")
        .bind(super::bulk::id_list(ids))
        .bind(pos)
        .execute(&mut *db)
        .await?;
    super::archive::write_heads(db, &[(partition, pos)]).await?;
    Ok((partition, pos))
}
