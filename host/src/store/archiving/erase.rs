//! Erasing: the records of an account whose deletion was confirmed become tombstones, in short steps.
//!
//! Consumers meet the tombstones in the feed and let go of their rows. After the last step no table of the host holds
//! anything that the account said: bodies, CIDs, dead letters and the handle are gone. What stays are its DID, its
//! status, its revs, and its records' addresses, which other accounts' rows refer to.

use super::step_sql::{Pending, Place, StepSql};
use crate::entry::Partition;
use crate::limits;
use crate::store::archive::RedoStep;
use crate::store::error::StoreError;
use crate::store::feed::Pos;

/// Erases the next records of the first waiting account at `now_us`, or what is left of it beside records.
pub(in crate::store) async fn step<S: StepSql>(
    sql: &mut S,
    now_us: i64,
) -> Result<RedoStep, StoreError> {
    let Some(pending) = sql.first_erasure().await? else {
        return Ok(RedoStep::default());
    };
    let (moved, next) = erase_records(sql, &pending, now_us).await?;
    match &next {
        Some(place) => sql.erased_to(pending.did_id, place).await?,
        None => sql.erase_rest(pending.did_id).await?,
    }
    Ok(RedoStep {
        more: next.is_some() || sql.erasure_waits().await?,
        moved,
    })
}

/// Where the records went, and the last one when there may be more after it.
type Erased = (Option<(Partition, Pos)>, Option<Place>);

/// Goes over tombstones and bare addresses too: dead letters may hang on them.
async fn erase_records<S: StepSql>(
    sql: &mut S,
    pending: &Pending,
    now_us: i64,
) -> Result<Erased, StoreError> {
    let waiting = sql.next(pending, false).await?;
    let ids: Vec<i64> = waiting.iter().map(|record| record.id).collect();
    let live: Vec<i64> = waiting
        .iter()
        .filter(|record| record.body_bytes.is_some())
        .map(|record| record.id)
        .collect();
    let partition = waiting
        .iter()
        .find(|record| record.body_bytes.is_some())
        .and_then(|record| record.partition);
    if !ids.is_empty() {
        sql.remove_letters_of(&ids).await?;
    }
    let is_full = waiting.len() == limits::REDO_RECORDS_PER_STEP;
    let next = waiting
        .into_iter()
        .next_back()
        .map(|record| record.place)
        .filter(|_| is_full);
    let Some(partition) = partition else {
        return Ok((None, next));
    };
    let pos = sql.take_pos(partition).await?;
    sql.bury(&live, pos, now_us).await?;
    Ok((Some((partition, pos)), next))
}
