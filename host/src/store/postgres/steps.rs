//! Steps of redos and erasures in Postgres: the statements behind [`crate::store::archiving`].
//!
//! Guarantees: the account is chosen first, then its partition is held, and then what waits is read again: whoever
//! held the partition before may have come further.

use async_trait::async_trait;
use sqlx::Row as _;

use super::standing;
use super::transaction::Transaction;
use crate::atproto::Did;
use crate::entry::{Partition, partition_of};
use crate::limits;
use crate::store::archive::RedoStep;
use crate::store::archiving::step_sql::{Pending, Place, StepSql, Waiting};
use crate::store::archiving::{erase, redo};
use crate::store::error::{StoreError, corrupt};
use crate::store::feed::Pos;

const FIRST_REDO: &str = "\
    select r.did_id, d.did from redo r join did d on d.id = r.did_id order by r.did_id limit 1";

const FIRST_ERASURE: &str = "\
    select e.did_id, d.did from erased e join did d on d.id = e.did_id \
    where not e.done and e.lifted_us is null order by e.did_id limit 1";

const REDO: &str = "select after_coll, after_rkey from redo where did_id = $1";

const ERASURE: &str = "\
    select after_coll, after_rkey from erased where did_id = $1 and not done and lifted_us is null";

const LIVE: &str = "\
    select id, coll_id, rkey, part, octet_length(body) from record \
    where did_id = $1 and (coll_id, rkey) > ($2, $3) and cid is not null \
    order by coll_id, rkey limit $4";

const ALL: &str = "\
    select id, coll_id, rkey, part, octet_length(body) from record \
    where did_id = $1 and (coll_id, rkey) > ($2, $3) order by coll_id, rkey limit $4";

const LETTERS: &str = "\
    delete from dead_letter where generation in (select id from generation) and record_id = any($1)";

/// Of trust 0: were the account to come back with nothing new, its snapshot is at the same rev.
const TOMBSTONES: &str = "\
    update record set pos = $2, cid = null, trust = 0, body = null, seen_us = $3 where id = any($1)";

/// See [`crate::store::Store::redo_step`].
pub(super) async fn redo(
    tx: &mut Transaction<'_>,
    partitions: u16,
) -> Result<RedoStep, StoreError> {
    redo::step(&mut Step { tx, partitions }).await
}

/// See [`crate::store::Store::erase_step`].
pub(super) async fn erase(
    tx: &mut Transaction<'_>,
    partitions: u16,
    now_us: i64,
) -> Result<RedoStep, StoreError> {
    erase::step(&mut Step { tx, partitions }, now_us).await
}

struct Step<'t, 's> {
    tx: &'t mut Transaction<'s>,
    partitions: u16,
}

impl Step<'_, '_> {
    /// Chooses, holds, and reads again.
    async fn first(
        &mut self,
        choose: &'static str,
        read: &'static str,
    ) -> Result<Option<Pending>, StoreError> {
        loop {
            let Some(chosen) = sqlx::query(choose).fetch_optional(self.tx.c()).await? else {
                return Ok(None);
            };
            let did_id: i64 = chosen.try_get(0)?;
            let did = Did::parse(chosen.try_get(1)?).map_err(corrupt)?;
            let own = [partition_of(&did, self.partitions)];
            self.tx.hold(&own).await?;
            standing::lock(self.tx.c(), &own).await?;
            let row = sqlx::query(read)
                .bind(did_id)
                .fetch_optional(self.tx.c())
                .await?;
            if let Some(row) = row {
                let after = (row.try_get(0)?, row.try_get(1)?);
                return Ok(Some(Pending { did_id, after }));
            }
            // Somebody else has done it meanwhile: the next.
        }
    }

    async fn exists(&mut self, choose: &'static str) -> Result<bool, StoreError> {
        let row = sqlx::query(choose).fetch_optional(self.tx.c()).await?;
        Ok(row.is_some())
    }

    async fn note(
        &mut self,
        sql: &'static str,
        did_id: i64,
        (coll_id, rkey): &Place,
    ) -> Result<(), StoreError> {
        sqlx::query(sql)
            .bind(did_id)
            .bind(*coll_id)
            .bind(rkey.as_str())
            .execute(self.tx.c())
            .await?;
        Ok(())
    }
}

#[async_trait]
impl StepSql for Step<'_, '_> {
    async fn first_redo(&mut self) -> Result<Option<Pending>, StoreError> {
        self.first(FIRST_REDO, REDO).await
    }

    async fn first_erasure(&mut self) -> Result<Option<Pending>, StoreError> {
        self.first(FIRST_ERASURE, ERASURE).await
    }

    async fn redo_waits(&mut self) -> Result<bool, StoreError> {
        self.exists(FIRST_REDO).await
    }

    async fn erasure_waits(&mut self) -> Result<bool, StoreError> {
        self.exists(FIRST_ERASURE).await
    }

    async fn next(&mut self, pending: &Pending, live: bool) -> Result<Vec<Waiting>, StoreError> {
        let rows = sqlx::query(if live { LIVE } else { ALL })
            .bind(pending.did_id)
            .bind(pending.after.0)
            .bind(pending.after.1.as_str())
            .bind(i64::try_from(limits::REDO_RECORDS_PER_STEP).unwrap_or(i64::MAX))
            .fetch_all(self.tx.c())
            .await?;
        let waiting = rows.iter().map(|row| {
            let partition: Option<i32> = row.try_get(3)?;
            let body_bytes: Option<i32> = row.try_get(4)?;
            Ok(Waiting {
                id: row.try_get(0)?,
                place: (row.try_get(1)?, row.try_get(2)?),
                partition: partition.map(standing::partition).transpose()?,
                body_bytes: body_bytes.map(|n| usize::try_from(n).unwrap_or_default()),
            })
        });
        waiting.collect()
    }

    async fn take_pos(&mut self, partition: Partition) -> Result<Pos, StoreError> {
        let taken: Option<Pos> =
            sqlx::query_scalar("update partition set pos = pos + 1 where part = $1 returning pos")
                .bind(i32::from(partition))
                .fetch_optional(self.tx.c())
                .await?;
        taken.ok_or_else(|| corrupt(format!("a record of partition {partition}")))
    }

    async fn replace(&mut self, ids: &[i64], pos: Pos) -> Result<(), StoreError> {
        sqlx::query("update record set pos = $2 where id = any($1)")
            .bind(ids)
            .bind(pos)
            .execute(self.tx.c())
            .await?;
        Ok(())
    }

    async fn bury(&mut self, ids: &[i64], pos: Pos, now_us: i64) -> Result<(), StoreError> {
        sqlx::query(TOMBSTONES)
            .bind(ids)
            .bind(pos)
            .bind(now_us)
            .execute(self.tx.c())
            .await?;
        Ok(())
    }

    async fn remove_letters_of(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        sqlx::query(LETTERS).bind(ids).execute(self.tx.c()).await?;
        Ok(())
    }

    async fn redo_to(&mut self, did_id: i64, last: Option<&Place>) -> Result<(), StoreError> {
        if let Some(place) = last {
            let sql = "update redo set after_coll = $2, after_rkey = $3 where did_id = $1";
            return self.note(sql, did_id, place).await;
        }
        sqlx::query("delete from redo where did_id = $1")
            .bind(did_id)
            .execute(self.tx.c())
            .await?;
        Ok(())
    }

    async fn erased_to(&mut self, did_id: i64, last: &Place) -> Result<(), StoreError> {
        let sql = "update erased set after_coll = $2, after_rkey = $3 where did_id = $1";
        self.note(sql, did_id, last).await
    }

    /// The repository's state was emptied when the erasure was taken.
    async fn erase_rest(&mut self, did_id: i64) -> Result<(), StoreError> {
        let did: String = sqlx::query_scalar("select did from did where id = $1")
            .bind(did_id)
            .fetch_one(self.tx.c())
            .await?;
        // '0' follows '/': all subjects below `at://did/`, and no other account's.
        sqlx::query("delete from dead_letter where subject >= $1 and subject < $2")
            .bind(format!("at://{did}/"))
            .bind(format!("at://{did}0"))
            .execute(self.tx.c())
            .await?;
        for sql in [
            "update account set handle = null where did_id = $1",
            "delete from redo where did_id = $1",
            "update erased set done = true, after_coll = 0, after_rkey = '' where did_id = $1",
        ] {
            sqlx::query(sql).bind(did_id).execute(self.tx.c()).await?;
        }
        Ok(())
    }
}
