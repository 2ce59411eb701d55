//! The change feed as Postgres holds it: one statement over the index on (part, pos, collection).
//!
//! Guarantees: what is sent is bounded as what is asked for, for a result that was begun is always sent to its end.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection, Row as _};

use crate::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use crate::entry::Partition;
use crate::limits;
use crate::store::error::{StoreError, corrupt};
use crate::store::feed::{Batching, Change, ChangeState, FeedBatch, FeedLimit, Pos, Wants};

/// One snapshot for all statements: a collection that came up in between would be passed over for good.
const BEGIN: &str = "begin isolation level repeatable read read only";

/// At least one row in every case: the head comes with the changes. A pos is sent whole: `with ties` for the number of
/// changes, and by the bytes before it for their size.
const SELECT: &str = "\
    select p.pos, r.pos, r.id, r.did_id, d.did, r.coll_id, r.rkey, r.rev, r.cid, r.seen_us, r.body \
    from partition p left join lateral ( \
    select * from ( \
    select one.*, coalesce(sum(octet_length(one.body)) over ( \
    order by one.pos range between unbounded preceding and current row exclude group), 0) as before_bytes \
    from (select pos, id, did_id, coll_id, rkey, rev, cid, seen_us, body from record \
    where part = $1 and pos > $2 and pos <= $3 and coll_id = any($4) \
    order by pos fetch first $5 rows with ties) one) sized \
    where sized.before_bytes <= $6) r on true \
    left join did d on d.id = r.did_id \
    where p.part = $1 order by r.pos";

/// Changes of a partition after a pos: see [`crate::store::Store::changes_after`].
pub(super) async fn changes_after(
    c: &mut PgConnection,
    partition: Partition,
    after: Pos,
    wants: Wants<'_>,
    limit: FeedLimit,
) -> Result<FeedBatch, StoreError> {
    let mut snapshot = c.begin_with(BEGIN).await?;
    let mut names = Names::wanted(&mut snapshot, wants).await?;
    let scan_to = after.saturating_add(limits::FEED_SCAN_POS_MAX);
    // One more than is wanted tells whether there is more.
    let rows_max = i64::try_from(limit.changes.saturating_add(1)).unwrap_or(i64::MAX);
    let bytes_max = i64::try_from(limit.bytes).unwrap_or(i64::MAX);
    let mut rows = sqlx::query(SELECT)
        .bind(i32::from(partition))
        .bind(after)
        .bind(scan_to)
        .bind(names.collection_ids())
        .bind(rows_max)
        .bind(bytes_max)
        .fetch(&mut *snapshot);
    let mut batch = Batching::new(limit);
    let mut through = after;
    let mut sent = Sent::default();
    while let Some(row) = rows.try_next().await? {
        let head: Pos = row.try_get(0)?;
        let Some(pos) = row.try_get::<Option<Pos>, _>(1)? else {
            through = head;
            break;
        };
        let change = Arc::new(names.change(partition, pos, &row)?);
        sent.count(&change);
        // What comes after the last row that was sent is known only when nothing held it back.
        through = if sent.may_be_cut(limit) { pos } else { head };
        if !batch.offer(&change) {
            break;
        }
    }
    Ok(batch.end(through.min(scan_to).max(after)))
}

/// What the statement has sent, by its own bounds.
#[derive(Default)]
struct Sent {
    rows: usize,
    bytes: usize,
}

impl Sent {
    fn count(&mut self, change: &Change) {
        self.rows += 1;
        if let ChangeState::Live { body, .. } = &change.state {
            self.bytes += body.len();
        }
    }

    fn may_be_cut(&self, limit: FeedLimit) -> bool {
        self.rows > limit.changes || self.bytes > limit.bytes
    }
}

/// Names by id: the wanted collections, and accounts met on the way (a batch repeats few).
struct Names {
    collections: HashMap<i64, Nsid>,
    dids: HashMap<i64, Did>,
}

impl Names {
    async fn wanted(c: &mut PgConnection, wants: Wants<'_>) -> Result<Self, StoreError> {
        let mut collections = HashMap::new();
        for row in sqlx::query("select id, nsid from collection")
            .fetch_all(c)
            .await?
        {
            let nsid: &str = row.try_get(1)?;
            if wants(nsid) {
                collections.insert(row.try_get(0)?, Nsid::parse(nsid).map_err(corrupt)?);
            }
        }
        Ok(Self {
            collections,
            dids: HashMap::new(),
        })
    }

    fn collection_ids(&self) -> Vec<i64> {
        self.collections.keys().copied().collect()
    }

    fn change(
        &mut self,
        partition: Partition,
        pos: Pos,
        row: &PgRow,
    ) -> Result<Change, StoreError> {
        let did_id: i64 = row.try_get(3)?;
        let did = match self.dids.get(&did_id) {
            Some(did) => did.clone(),
            None => {
                let did = Did::parse(row.try_get(4)?).map_err(corrupt)?;
                self.dids.entry(did_id).or_insert(did).clone()
            }
        };
        let collection = self.collections.get(&row.try_get(5)?).cloned();
        let uri = AtUri {
            did,
            collection: collection.ok_or_else(|| corrupt("a collection without a name"))?,
            rkey: RecordKey::parse(row.try_get(6)?).map_err(corrupt)?,
        };
        let state = match row.try_get::<Option<&[u8]>, _>(8)? {
            Some(cid) => ChangeState::Live {
                rev: Tid::parse(row.try_get(7)?).map_err(corrupt)?,
                cid: Cid::from_bytes(cid).map_err(corrupt)?,
                seen_us: row.try_get(9)?,
                body: Bytes::from(row.try_get::<Vec<u8>, _>(10)?),
            },
            None => ChangeState::Deleted,
        };
        Ok(Change::new(
            (partition, pos),
            (row.try_get(2)?, did_id),
            uri,
            state,
        ))
    }
}
