//! The change feed as the file holds it: one statement over the index on (part, pos, collection).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::bulk;

use crate::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use crate::entry::Partition;
use crate::limits;
use crate::store::error::{StoreError, corrupt};
use crate::store::feed::{Batching, Change, ChangeState, FeedBatch, FeedLimit, Pos, Wants};

/// At least one row in every case: the head comes with the changes.
const SELECT: &str = "\
    select p.pos, r.pos, r.id, r.did_id, d.did, r.coll_id, r.rkey, r.rev, r.cid, r.seen_us, r.body \
    from partition p \
    left join record r indexed by record_feed on r.part = p.part and r.pos > ?2 and r.pos <= ?3 \
    and r.coll_id in (select value from json_each(?4)) \
    left join did d on d.id = r.did_id \
    where p.part = ?1 order by r.pos";

/// Changes of a partition after a pos: see [`crate::store::Store::changes_after`].
pub(super) async fn changes_after(
    c: &mut SqliteConnection,
    partition: Partition,
    after: Pos,
    wants: Wants<'_>,
    limit: FeedLimit,
) -> Result<FeedBatch, StoreError> {
    // One snapshot for both: a collection that came up in between would be passed over for good.
    let mut snapshot = c.begin().await?;
    let mut names = Names::wanted(&mut snapshot, wants).await?;
    let scan_to = after.saturating_add(limits::FEED_SCAN_POS_MAX);
    let mut rows = sqlx::query(SELECT)
        .bind(partition)
        .bind(after)
        .bind(scan_to)
        .bind(names.collection_ids())
        .fetch(&mut *snapshot);
    let mut batch = Batching::new(limit);
    let mut head = after;
    while let Some(row) = rows.try_next().await? {
        head = row.try_get(0)?;
        if let Some(pos) = row.try_get::<Option<Pos>, _>(1)?
            && !batch.offer(&Arc::new(names.change(partition, pos, &row)?))
        {
            break;
        }
    }
    Ok(batch.end(head.min(scan_to).max(after)))
}

/// Names by id: the wanted collections, and accounts met on the way (a batch repeats few).
struct Names {
    collections: HashMap<i64, Nsid>,
    dids: HashMap<i64, Did>,
}

impl Names {
    async fn wanted(c: &mut SqliteConnection, wants: Wants<'_>) -> Result<Self, StoreError> {
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

    fn collection_ids(&self) -> String {
        bulk::id_list(&self.collections.keys().copied().collect::<Vec<i64>>())
    }

    fn change(
        &mut self,
        partition: Partition,
        pos: Pos,
        row: &SqliteRow,
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

#[cfg(test)]
mod tests {
    use super::super::planned;
    use super::*;

    #[tokio::test]
    async fn the_feed_is_read_along_its_index() {
        let (_dir, mut c) = planned::database().await;
        let plan = planned::steps(&mut c, SELECT).await;
        let along = "SEARCH r USING INDEX record_feed (part=? AND pos>? AND pos<?)";
        assert!(plan.iter().any(|step| step.starts_with(along)), "{plan:#?}");
        assert!(
            !plan
                .iter()
                .any(|step| step.contains("TEMP B-TREE FOR ORDER")),
            "{plan:#?}"
        );
    }
}
