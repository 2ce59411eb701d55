//! Steps of redos and erasures in the file: the statements behind [`crate::store::archiving`].

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};

use super::memory::Memory;
use super::{bulk, standing};
use crate::entry::Partition;
use crate::limits;
use crate::store::archive::RedoStep;
use crate::store::archiving::step_sql::{Pending, Place, StepSql, Waiting};
use crate::store::archiving::{erase, redo};
use crate::store::error::StoreError;
use crate::store::feed::Pos;

const FIRST_REDO: &str = "select did_id, after_coll, after_rkey from redo order by did_id limit 1";

const FIRST_ERASURE: &str = "\
    select did_id, after_coll, after_rkey from erased indexed by erased_waiting \
    where done = 0 and lifted_us is null order by did_id limit 1";

const LIVE: &str = "\
    select id, coll_id, rkey, part, length(body) from record \
    where did_id = ? and (coll_id, rkey) > (?, ?) and cid is not null \
    order by coll_id, rkey limit ?";

const ALL: &str = "\
    select id, coll_id, rkey, part, length(body) from record \
    where did_id = ? and (coll_id, rkey) > (?, ?) order by coll_id, rkey limit ?";

const LETTERS: &str = "\
    delete from dead_letter where generation in (select id from generation) \
    and record_id in (select value from json_each(?))";

/// Of trust 0: were the account to come back with nothing new, its snapshot is at the same rev.
const TOMBSTONES: &str = "\
    update record set pos = ?, cid = null, trust = 0, body = null, seen_us = ? \
    where id in (select value from json_each(?))";

const SUBJECTS: &str = "delete from dead_letter where subject >= ? and subject < ?";

/// See [`crate::store::Store::redo_step`].
pub(super) async fn redo(
    c: &mut SqliteConnection,
    memory: &mut Memory,
) -> Result<RedoStep, StoreError> {
    redo::step(&mut Step { c, memory }).await
}

/// See [`crate::store::Store::erase_step`].
pub(super) async fn erase(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    now_us: i64,
) -> Result<RedoStep, StoreError> {
    erase::step(&mut Step { c, memory }, now_us).await
}

struct Step<'w> {
    c: &'w mut SqliteConnection,
    memory: &'w mut Memory,
}

impl Step<'_> {
    async fn first(&mut self, sql: &'static str) -> Result<Option<Pending>, StoreError> {
        let row = sqlx::query(sql).fetch_optional(&mut *self.c).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Pending {
            did_id: row.try_get(0)?,
            after: (row.try_get(1)?, row.try_get(2)?),
        }))
    }

    async fn note(
        &mut self,
        sql: &'static str,
        did_id: i64,
        (coll_id, rkey): &Place,
    ) -> Result<(), StoreError> {
        sqlx::query(sql)
            .bind(*coll_id)
            .bind(rkey.as_str())
            .bind(did_id)
            .execute(&mut *self.c)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl StepSql for Step<'_> {
    async fn first_redo(&mut self) -> Result<Option<Pending>, StoreError> {
        self.first(FIRST_REDO).await
    }

    async fn first_erasure(&mut self) -> Result<Option<Pending>, StoreError> {
        self.first(FIRST_ERASURE).await
    }

    async fn redo_waits(&mut self) -> Result<bool, StoreError> {
        Ok(self.first_redo().await?.is_some())
    }

    async fn erasure_waits(&mut self) -> Result<bool, StoreError> {
        Ok(self.first_erasure().await?.is_some())
    }

    async fn next(&mut self, pending: &Pending, live: bool) -> Result<Vec<Waiting>, StoreError> {
        let rows = sqlx::query(if live { LIVE } else { ALL })
            .bind(pending.did_id)
            .bind(pending.after.0)
            .bind(pending.after.1.as_str())
            .bind(i64::try_from(limits::REDO_RECORDS_PER_STEP).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.c)
            .await?;
        let waiting = rows.iter().map(|row| {
            let body_bytes: Option<i64> = row.try_get(4)?;
            Ok(Waiting {
                id: row.try_get(0)?,
                place: (row.try_get(1)?, row.try_get(2)?),
                partition: row.try_get(3)?,
                body_bytes: body_bytes.map(|n| usize::try_from(n).unwrap_or_default()),
            })
        });
        waiting.collect()
    }

    async fn take_pos(&mut self, partition: Partition) -> Result<Pos, StoreError> {
        let mut standing = self.memory.standing(self.c).await?;
        let pos = standing.take(partition)?;
        standing::save(self.c, &mut standing).await?;
        self.memory.keep_standing(standing);
        Ok(pos)
    }

    async fn replace(&mut self, ids: &[i64], pos: Pos) -> Result<(), StoreError> {
        sqlx::query("update record set pos = ? where id in (select value from json_each(?))")
            .bind(pos)
            .bind(bulk::id_list(ids))
            .execute(&mut *self.c)
            .await?;
        Ok(())
    }

    async fn bury(&mut self, ids: &[i64], pos: Pos, now_us: i64) -> Result<(), StoreError> {
        sqlx::query(TOMBSTONES)
            .bind(pos)
            .bind(now_us)
            .bind(bulk::id_list(ids))
            .execute(&mut *self.c)
            .await?;
        Ok(())
    }

    async fn remove_letters_of(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        sqlx::query(LETTERS)
            .bind(bulk::id_list(ids))
            .execute(&mut *self.c)
            .await?;
        Ok(())
    }

    async fn redo_to(&mut self, did_id: i64, last: Option<&Place>) -> Result<(), StoreError> {
        if let Some(place) = last {
            let sql = "update redo set after_coll = ?, after_rkey = ? where did_id = ?";
            return self.note(sql, did_id, place).await;
        }
        sqlx::query("delete from redo where did_id = ?")
            .bind(did_id)
            .execute(&mut *self.c)
            .await?;
        Ok(())
    }

    async fn erased_to(&mut self, did_id: i64, last: &Place) -> Result<(), StoreError> {
        let sql = "update erased set after_coll = ?, after_rkey = ? where did_id = ?";
        self.note(sql, did_id, last).await
    }

    /// The repository's state was emptied when the erasure was taken.
    async fn erase_rest(&mut self, did_id: i64) -> Result<(), StoreError> {
        let did: String = sqlx::query_scalar("select did from did where id = ?")
            .bind(did_id)
            .fetch_one(&mut *self.c)
            .await?;
        // '0' follows '/': all subjects below `at://did/`, and no other account's.
        sqlx::query(SUBJECTS)
            .bind(format!("at://{did}/"))
            .bind(format!("at://{did}0"))
            .execute(&mut *self.c)
            .await?;
        for sql in [
            "update account set handle = null where did_id = ?",
            "delete from redo where did_id = ?",
            "update erased set done = 1, after_coll = 0, after_rkey = '' where did_id = ?",
        ] {
            sqlx::query(sql).bind(did_id).execute(&mut *self.c).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::planned;
    use super::*;

    #[tokio::test]
    async fn no_step_reads_a_whole_table() {
        let (_dir, mut c) = planned::database().await;
        for sql in [FIRST_ERASURE, LIVE, ALL, LETTERS, TOMBSTONES, SUBJECTS] {
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
