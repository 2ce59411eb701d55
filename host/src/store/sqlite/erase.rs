//! Erasing: the records of an account whose deletion was confirmed become tombstones, in short steps.
//!
//! Consumers meet the tombstones in the feed and let go of their rows. After the last step no table of the host holds
//! anything that the account said: bodies, CIDs, dead letters and the handle are gone. What stays are its DID, its
//! status, its revs, and its records' addresses, which other accounts' rows refer to.

use sqlx::{Row as _, SqliteConnection};

use super::bulk;
use super::memory::Memory;
use crate::entry::Partition;
use crate::limits;
use crate::store::archive::RedoStep;
use crate::store::error::StoreError;
use crate::store::feed::Pos;

const FIRST: &str = "\
    select did_id, after_coll, after_rkey from erased indexed by erased_waiting \
    where done = 0 and lifted_us is null order by did_id limit 1";

const RECORDS: &str = "\
    select id, coll_id, rkey, part, cid is not null from record \
    where did_id = ? and (coll_id, rkey) > (?, ?) order by coll_id, rkey limit ?";

const LETTERS: &str = "\
    delete from dead_letter where generation in (select id from generation) \
    and record_id in (select value from json_each(?))";

const TOMBSTONES: &str = "\
    update record set pos = ?, cid = null, trust = 0, body = null, seen_us = ? \
    where id in (select value from json_each(?))";

const SUBJECTS: &str = "delete from dead_letter where subject >= ? and subject < ?";

struct Waiting {
    did_id: i64,
    after: (i64, String),
}

/// Erases the next records of the first waiting account at `now_us`, or what is left of it beside records.
pub(super) async fn step(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    now_us: i64,
) -> Result<RedoStep, StoreError> {
    let Some(waiting) = first(c).await? else {
        return Ok(RedoStep::default());
    };
    let (moved, next) = erase_records(c, memory, &waiting, now_us).await?;
    match next {
        Some((coll_id, rkey)) => {
            sqlx::query("update erased set after_coll = ?, after_rkey = ? where did_id = ?")
                .bind(coll_id)
                .bind(rkey)
                .bind(waiting.did_id)
                .execute(&mut *c)
                .await?;
        }
        None => erase_rest(c, waiting.did_id).await?,
    }
    Ok(RedoStep {
        more: first(c).await?.is_some(),
        moved,
    })
}

async fn first(c: &mut SqliteConnection) -> Result<Option<Waiting>, sqlx::Error> {
    let row = sqlx::query(FIRST).fetch_optional(c).await?;
    row.map(|row| {
        Ok(Waiting {
            did_id: row.try_get(0)?,
            after: (row.try_get(1)?, row.try_get(2)?),
        })
    })
    .transpose()
}

/// Where the records went, and the last one when there may be more after it.
type Erased = (Option<(Partition, Pos)>, Option<(i64, String)>);

/// Goes over tombstones and bare addresses too: dead letters may hang on them.
async fn erase_records(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    waiting: &Waiting,
    now_us: i64,
) -> Result<Erased, StoreError> {
    let rows = sqlx::query(RECORDS)
        .bind(waiting.did_id)
        .bind(waiting.after.0)
        .bind(waiting.after.1.as_str())
        .bind(i64::try_from(limits::REDO_RECORDS_PER_STEP).unwrap_or(i64::MAX))
        .fetch_all(&mut *c)
        .await?;
    let mut ids: Vec<i64> = Vec::with_capacity(rows.len());
    let mut live: Vec<i64> = Vec::with_capacity(rows.len());
    let mut partition: Option<Partition> = None;
    let mut last = None;
    for row in &rows {
        ids.push(row.try_get(0)?);
        if row.try_get(4)? {
            live.push(row.try_get(0)?);
            partition = row.try_get(3)?;
        }
        last = Some((row.try_get(1)?, row.try_get(2)?));
    }
    sqlx::query(LETTERS)
        .bind(bulk::id_list(&ids))
        .execute(&mut *c)
        .await?;
    let next = last.filter(|_| rows.len() == limits::REDO_RECORDS_PER_STEP);
    let Some(partition) = partition else {
        return Ok((None, next));
    };
    let standing = memory.standing(c).await?;
    let pos = standing.take(partition)?;
    standing.save(c).await?;
    // Of trust 0: were the account to come back with nothing new, its snapshot is at the same rev.
    sqlx::query(TOMBSTONES)
        .bind(pos)
        .bind(now_us)
        .bind(bulk::id_list(&live))
        .execute(c)
        .await?;
    Ok((Some((partition, pos)), next))
}

/// The repository's state was emptied when the erasure was taken.
async fn erase_rest(c: &mut SqliteConnection, did_id: i64) -> Result<(), sqlx::Error> {
    let did: String = sqlx::query_scalar("select did from did where id = ?")
        .bind(did_id)
        .fetch_one(&mut *c)
        .await?;
    // '0' follows '/': all subjects below `at://did/`, and no other account's.
    sqlx::query(SUBJECTS)
        .bind(format!("at://{did}/"))
        .bind(format!("at://{did}0"))
        .execute(&mut *c)
        .await?;
    for sql in [
        "update account set handle = null where did_id = ?",
        "delete from redo where did_id = ?",
        "update erased set done = 1, after_coll = 0, after_rkey = '' where did_id = ?",
    ] {
        sqlx::query(sql).bind(did_id).execute(&mut *c).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::planned;
    use super::*;

    #[tokio::test]
    async fn no_step_reads_a_whole_table() {
        let (_dir, mut c) = planned::database().await;
        for sql in [FIRST, RECORDS, LETTERS, TOMBSTONES, SUBJECTS] {
            let plan = planned::steps(&mut c, sql).await;
            let whole = |step: &String| {
                step == "SCAN record" || step == "SCAN dead_letter" || step == "SCAN erased"
            };
            assert!(!plan.iter().any(whole), "{sql}: {plan:#?}");
            assert!(
                !plan.iter().any(|s| s.contains("TEMP B-TREE")),
                "{sql}: {plan:#?}"
            );
        }
    }
}
