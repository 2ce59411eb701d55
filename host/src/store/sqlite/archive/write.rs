//! Writing a plan: records, repositories, host dead letters, heads and marks, each in bulk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::plan::{Plan, Step};
use crate::atproto::{AtUri, Nsid};
use crate::entry::{Action, Entry, Partition, Source};
use crate::store::sqlite::bulk;
use crate::store::sqlite::intern::{Interner, RecordAddress};
use crate::store::{ArchiveUnit, Change, ChangeState, DeadReason, Pos, StoreError};

/// Writes the last state of every touched record, and gives every step as a change.
pub(super) async fn records(
    db: &mut SqliteConnection,
    intern: &mut Interner,
    plan: &Plan<'_>,
    now_us: i64,
) -> Result<Vec<Arc<Change>>, StoreError> {
    let ids = record_ids(db, intern, plan).await?;
    let mut last: HashMap<i64, usize> = HashMap::with_capacity(ids.len());
    for (at, (_, record_id)) in ids.iter().enumerate() {
        last.insert(*record_id, at);
    }
    let rows: Vec<(i64, i64, &Step<'_>)> = ids
        .iter()
        .zip(&plan.steps)
        .enumerate()
        .filter(|(at, ((_, record_id), _))| last.get(record_id) == Some(at))
        .map(|(_, ((coll_id, record_id), step))| (*coll_id, *record_id, step))
        .collect();
    for chunk in bulk::chunks(&rows) {
        upsert(db, chunk, now_us).await?;
    }
    Ok(ids
        .into_iter()
        .zip(&plan.steps)
        .map(|((_, record_id), step)| Arc::new(change(step, record_id, now_us)))
        .collect())
}

/// (collection id, record id) of every step.
async fn record_ids(
    db: &mut SqliteConnection,
    intern: &mut Interner,
    plan: &Plan<'_>,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let nsids: Vec<Nsid> = plan.steps.iter().map(|s| s.collection().clone()).collect();
    let coll_ids = intern.collections(db, &nsids).await?;
    let addresses: Vec<RecordAddress> = plan
        .steps
        .iter()
        .zip(&coll_ids)
        .map(|(step, coll_id)| (step.did_id, *coll_id, step.rkey().clone()))
        .collect();
    let records = intern.records(db, &addresses).await?;
    Ok(coll_ids.into_iter().zip(records).collect())
}

async fn upsert(
    db: &mut SqliteConnection,
    rows: &[(i64, i64, &Step<'_>)],
    now_us: i64,
) -> Result<(), StoreError> {
    let sql = format!(
        "insert into record (id, did_id, coll_id, rkey, part, pos, rev, cid, trust, seen_us, body) values {} \
         on conflict (id) do update set part = excluded.part, pos = excluded.pos, rev = excluded.rev, \
         cid = excluded.cid, trust = excluded.trust, seen_us = excluded.seen_us, body = excluded.body",
        bulk::values(11, rows.len())
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (coll_id, record_id, step) in rows {
        let (cid, body) = match &step.op.action {
            Action::Put { cid, body } => (Some(cid.as_bytes().to_vec()), Some(body.to_vec())),
            Action::Delete => (None, None),
        };
        query = query
            .bind(*record_id)
            .bind(step.did_id)
            .bind(*coll_id)
            .bind(step.rkey().as_str().to_owned())
            .bind(i64::from(step.partition))
            .bind(step.pos)
            .bind(step.commit.rev.as_str().to_owned())
            .bind(cid)
            .bind(step.commit.trust.as_i64())
            .bind(now_us)
            .bind(body);
    }
    query.execute(db).await?;
    Ok(())
}

fn change(step: &Step<'_>, record_id: i64, now_us: i64) -> Change {
    let uri = AtUri {
        did: step.did.clone(),
        collection: step.collection().clone(),
        rkey: step.rkey().clone(),
    };
    let state = match &step.op.action {
        Action::Put { cid, body } => ChangeState::Live {
            rev: step.commit.rev,
            cid: *cid,
            seen_us: now_us,
            body: body.clone(),
        },
        Action::Delete => ChangeState::Deleted,
    };
    Change::new(
        (step.partition, step.pos),
        (record_id, step.did_id),
        uri,
        state,
    )
}

/// Writes where repositories are now. What was desynchronized stays so: a later commit does not fill the hole.
pub(super) async fn repos(
    db: &mut SqliteConnection,
    plan: &Plan<'_>,
    now_us: i64,
) -> Result<(), StoreError> {
    let rows: Vec<_> = plan.repos.iter().collect();
    for chunk in bulk::chunks(&rows) {
        let sql = format!(
            "insert into repo (did_id, part, rev, data, state_us) values {} \
             on conflict (did_id) do update set rev = excluded.rev, data = excluded.data",
            bulk::values(5, chunk.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (did_id, repo) in chunk {
            query = query
                .bind(**did_id)
                .bind(i64::from(repo.partition))
                .bind(repo.rev.as_str().to_owned())
                .bind(repo.data.map(|cid| cid.as_bytes().to_vec()))
                .bind(now_us);
        }
        query.execute(&mut *db).await?;
    }
    Ok(())
}

/// Host dead letters for operations that could not be read.
pub(super) async fn rejected(
    db: &mut SqliteConnection,
    plan: &Plan<'_>,
    now_us: i64,
) -> Result<(), StoreError> {
    for row in &plan.rejected {
        sqlx::query("insert into dead_letter (generation, subject, pos, reason, detail, at_us) values (0, ?1, ?2, ?3, ?4, ?5)")
            .bind(format!("at://{}/{}", row.did, row.path))
            .bind(row.pos)
            .bind(DeadReason::BadOp.word())
            .bind(row.reason)
            .bind(now_us)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Writes the last pos of partitions.
pub(in crate::store::sqlite) async fn heads(
    db: &mut SqliteConnection,
    heads: &[(Partition, Pos)],
) -> Result<(), StoreError> {
    for (partition, pos) in heads {
        sqlx::query("update partition set pos = ?2 where part = ?1")
            .bind(i64::from(*partition))
            .bind(*pos)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Writes marks and gives the saved cursor of each source that had one: the lowest mark over all partitions.
pub(super) async fn marks(
    db: &mut SqliteConnection,
    unit: &ArchiveUnit,
) -> Result<Vec<(Source, i64)>, StoreError> {
    let mut highest: BTreeMap<(&Source, Partition), i64> = BTreeMap::new();
    for (partition, entry) in unit.entries.iter() {
        if let Entry::Mark { source, seq } = entry {
            let mark = highest.entry((source, *partition)).or_insert(*seq);
            *mark = (*mark).max(*seq);
        }
    }
    let mut cursors = BTreeMap::new();
    for ((source, partition), seq) in highest {
        sqlx::query("insert into mark (source, part, seq) values (?1, ?2, ?3) on conflict (source, part) do update set seq = max(seq, excluded.seq)")
            .bind(&*source.0)
            .bind(i64::from(partition))
            .bind(seq)
            .execute(&mut *db)
            .await?;
        cursors.insert(source.clone(), 0);
    }
    for (source, cursor) in &mut cursors {
        *cursor = sqlx::query("select min(coalesce(m.seq, 0)) from partition p left join mark m on m.part = p.part and m.source = ?1")
            .bind(&*source.0)
            .fetch_one(&mut *db)
            .await?
            .get(0);
    }
    Ok(cursors.into_iter().collect())
}
