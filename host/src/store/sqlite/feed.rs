//! The change feed read from the archive: the compacted log of one partition.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use crate::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use crate::entry::Partition;
use crate::store::{Change, ChangeState, FeedBatch, FeedLimit, Pos, StoreError, Wants};

const COLUMNS: &str = "select r.pos, r.id, r.did_id, d.did, c.nsid, r.rkey, r.rev, r.cid, r.seen_us, r.body \
     from record r cross join did d on d.id = r.did_id cross join collection c on c.id = r.coll_id";

/// See [`crate::store::Store::changes_after`].
pub(super) async fn changes_after(
    readers: &SqlitePool,
    partition: Partition,
    after: Pos,
    wants: Wants<'_>,
    limit: FeedLimit,
) -> Result<FeedBatch, StoreError> {
    // One snapshot: the head that is reported covers exactly what was looked at.
    let mut snapshot = readers.begin().await?;
    let head: Pos = sqlx::query("select pos from partition where part = ?1")
        .bind(i64::from(partition))
        .fetch_one(&mut *snapshot)
        .await?
        .get(0);
    let coll_ids = collection_ids(&mut snapshot, wants).await?;
    let (mut changes, cut) = scan(&mut snapshot, partition, after, &coll_ids, limit).await?;
    let through = match (cut, changes.last()) {
        (true, Some(last)) => {
            let last_pos = last.pos;
            changes.retain(|c| c.pos < last_pos);
            match changes.last().map(|c| c.pos) {
                Some(whole) => whole,
                None => {
                    // One pos is larger than the limit: all of it, for it must not be cut.
                    changes = one_pos(&mut snapshot, partition, last_pos, &coll_ids).await?;
                    last_pos
                }
            }
        }
        _ => head.max(after),
    };
    Ok(FeedBatch { changes, through })
}

/// Of the same snapshot as the scan: a collection that came in between would otherwise be passed over for good.
async fn collection_ids(db: &mut SqliteConnection, wants: Wants<'_>) -> Result<String, StoreError> {
    let rows = sqlx::query("select id, nsid from collection")
        .fetch_all(db)
        .await?;
    let wanted = rows.iter().filter(|row| wants(row.get(1)));
    Ok(super::bulk::id_list(
        &wanted.map(|row| row.get(0)).collect::<Vec<i64>>(),
    ))
}

/// Changes in pos order up to the limit; whether the limit cut them.
async fn scan(
    db: &mut SqliteConnection,
    partition: Partition,
    after: Pos,
    coll_ids: &str,
    limit: FeedLimit,
) -> Result<(Vec<Arc<Change>>, bool), StoreError> {
    let sql = format!(
        "{COLUMNS} where r.part = ?1 and r.pos > ?2 and r.coll_id in (select value from json_each(?3)) order by r.pos"
    );
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(i64::from(partition))
        .bind(after)
        .bind(coll_ids.to_owned())
        .fetch(db);
    let (mut changes, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        let change = change(partition, &row)?;
        bytes += change.size_bytes();
        changes.push(Arc::new(change));
        if changes.len() > limit.changes || bytes > limit.bytes {
            return Ok((changes, true));
        }
    }
    Ok((changes, false))
}

async fn one_pos(
    db: &mut SqliteConnection,
    partition: Partition,
    pos: Pos,
    coll_ids: &str,
) -> Result<Vec<Arc<Change>>, StoreError> {
    let sql = format!(
        "{COLUMNS} where r.part = ?1 and r.pos = ?2 and r.coll_id in (select value from json_each(?3))"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(i64::from(partition))
        .bind(pos)
        .bind(coll_ids.to_owned())
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| change(partition, row).map(Arc::new))
        .collect()
}

fn change(partition: Partition, row: &SqliteRow) -> Result<Change, StoreError> {
    let corrupt = |e: &dyn std::fmt::Display| {
        StoreError::Corrupt(format!("record {}: {e}", row.get::<i64, _>(1)))
    };
    let uri = AtUri {
        did: Did::parse(row.get(3)).map_err(|e| corrupt(&e))?,
        collection: Nsid::parse(row.get(4)).map_err(|e| corrupt(&e))?,
        rkey: RecordKey::parse(row.get(5)).map_err(|e| corrupt(&e))?,
    };
    let state = match row.get::<Option<&[u8]>, _>(7) {
        None => ChangeState::Deleted,
        Some(cid) => ChangeState::Live {
            rev: Tid::parse(row.get(6)).map_err(|e| corrupt(&e))?,
            cid: Cid::from_bytes(cid).map_err(|e| corrupt(&e))?,
            seen_us: row.get(8),
            body: Bytes::from(row.get::<Vec<u8>, _>(9)),
        },
    };
    Ok(Change::new(
        (partition, row.get(0)),
        (row.get(1), row.get(2)),
        uri,
        state,
    ))
}
