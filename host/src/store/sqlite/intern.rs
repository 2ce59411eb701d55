//! Integer ids for DIDs, collections and record URIs: everything in the database refers to them by id.
//!
//! Guarantees: what has no id gets one, in the transaction of the connection handed in; answers come in the order of
//! the question. New ids are counted here, for there is one writer. After a rollback, of a savepoint too, the caller
//! must [`Interner::forget`]: an id learnt inside it may never have been.

mod names;

use std::collections::HashMap;
use std::num::NonZeroUsize;

use lru::LruCache;
use sqlx::{Row as _, SqliteConnection};

use self::names::Names;
use super::bulk;
use crate::atproto::{AtUri, Did, Nsid};
use crate::limits;
use crate::store::archiving::RecordAt;

/// The write connection's ids, with bounded caches of those used last.
pub(super) struct Interner {
    dids: Names<Did>,
    collections: Names<Nsid>,
    records: LruCache<RecordAt, i64>,
    next_record: Option<i64>,
}

/// How many entries a cache keeps.
pub(super) fn cache_entries() -> NonZeroUsize {
    NonZeroUsize::new(limits::INTERN_CACHE_ENTRIES).unwrap_or(NonZeroUsize::MIN)
}

impl Interner {
    pub(super) fn new() -> Self {
        Self {
            dids: Names::dids(),
            collections: Names::collections(),
            records: LruCache::new(cache_entries()),
            next_record: None,
        }
    }

    /// Ids of accounts.
    pub(super) async fn dids(
        &mut self,
        c: &mut SqliteConnection,
        dids: &[Did],
    ) -> Result<Vec<i64>, sqlx::Error> {
        self.dids.ids(c, dids).await
    }

    /// Ids of accounts that have one; makes nothing.
    pub(super) async fn known_dids(
        &mut self,
        c: &mut SqliteConnection,
        dids: &[Did],
    ) -> Result<Vec<Option<i64>>, sqlx::Error> {
        self.dids.known(c, dids).await
    }

    /// Ids of collections.
    pub(super) async fn collections(
        &mut self,
        c: &mut SqliteConnection,
        nsids: &[Nsid],
    ) -> Result<Vec<i64>, sqlx::Error> {
        self.collections.ids(c, nsids).await
    }

    /// Ids of records: `record.id`. A record that nobody archived gets a row without pos.
    pub(super) async fn uris(
        &mut self,
        c: &mut SqliteConnection,
        uris: &[AtUri],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let dids: Vec<Did> = uris.iter().map(|u| u.did.clone()).collect();
        let nsids: Vec<Nsid> = uris.iter().map(|u| u.collection.clone()).collect();
        let dids = self.dids(c, &dids).await?;
        let nsids = self.collections(c, &nsids).await?;
        let places: Vec<RecordAt> = uris
            .iter()
            .zip(dids.into_iter().zip(nsids))
            .map(|(uri, (did_id, collection_id))| RecordAt {
                did_id,
                collection_id,
                rkey: uri.rkey.clone(),
            })
            .collect();
        let found = self.records(c, &places).await?;
        if found.iter().all(Option::is_some) {
            return Ok(found.into_iter().flatten().collect());
        }
        let mut made: HashMap<&RecordAt, i64> = HashMap::new();
        let mut rows: Vec<(i64, &RecordAt)> = Vec::new();
        let mut ids = Vec::with_capacity(uris.len());
        for (place, id) in places.iter().zip(found) {
            let id = match id.or_else(|| made.get(place).copied()) {
                Some(id) => id,
                None => {
                    let id = self.next_record(c).await?;
                    made.insert(place, id);
                    rows.push((id, place));
                    id
                }
            };
            ids.push(id);
        }
        insert_bare(c, &rows).await?;
        for (id, place) in rows {
            self.records.put(place.clone(), id);
        }
        Ok(ids)
    }

    /// Ids of records that have a row.
    pub(super) async fn records(
        &mut self,
        c: &mut SqliteConnection,
        places: &[RecordAt],
    ) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let mut ids: Vec<Option<i64>> = places
            .iter()
            .map(|p| self.records.get(p).copied())
            .collect();
        let unknown: Vec<usize> = (0..places.len()).filter(|i| ids[*i].is_none()).collect();
        for range in bulk::chunks(unknown.len()) {
            let asked = &unknown[range];
            let sql = bulk::values(
                "with k(i, d, c, r) as (values ",
                "(?,?,?,?)",
                asked.len(),
                ") select k.i, r.id from k cross join record r \
                 on r.did_id = k.d and r.coll_id = k.c and r.rkey = k.r",
            );
            let mut query = sqlx::query(sql);
            for i in asked {
                let place = &places[*i];
                query = query
                    .bind(i64::try_from(*i).unwrap_or(i64::MAX))
                    .bind(place.did_id)
                    .bind(place.collection_id)
                    .bind(place.rkey.as_str());
            }
            for row in query.fetch_all(&mut *c).await? {
                let i = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
                let id: i64 = row.try_get(1)?;
                if let (Some(slot), Some(place)) = (ids.get_mut(i), places.get(i)) {
                    *slot = Some(id);
                    self.records.put(place.clone(), id);
                }
            }
        }
        Ok(ids)
    }

    /// The id of a new record row, which the caller inserts.
    pub(super) async fn next_record(
        &mut self,
        c: &mut SqliteConnection,
    ) -> Result<i64, sqlx::Error> {
        let id = match self.next_record {
            Some(id) => id,
            None => {
                sqlx::query_scalar("select coalesce(max(id), 0) + 1 from record")
                    .fetch_one(c)
                    .await?
            }
        };
        self.next_record = Some(id + 1);
        Ok(id)
    }

    /// Remembers a row that the caller inserted.
    pub(super) fn remember(&mut self, place: RecordAt, id: i64) {
        self.records.put(place, id);
    }

    /// Drops everything learnt: call it after any rollback.
    pub(super) fn forget(&mut self) {
        self.dids.forget();
        self.collections.forget();
        self.records.clear();
        self.next_record = None;
    }
}

async fn insert_bare(
    c: &mut SqliteConnection,
    rows: &[(i64, &RecordAt)],
) -> Result<(), sqlx::Error> {
    for range in bulk::chunks(rows.len()) {
        let sql = bulk::values(
            "insert into record (id, did_id, coll_id, rkey) values ",
            "(?,?,?,?)",
            range.len(),
            "",
        );
        let mut query = sqlx::query(sql);
        for (id, place) in &rows[range] {
            query = query
                .bind(*id)
                .bind(place.did_id)
                .bind(place.collection_id)
                .bind(place.rkey.as_str());
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
