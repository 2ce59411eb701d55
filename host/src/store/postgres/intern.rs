//! Integer ids for DIDs, collections and record URIs: everything in the database refers to them by id.
//!
//! Guarantees: what has no id gets one, in the transaction of the connection handed in; answers come in the order of
//! the question. Several hosts make ids at once: the unique index decides, rows are made in sorted order, and only ids
//! of committed transactions are remembered. A row that has an id is never removed.

mod names;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use sqlx::{PgConnection, Row as _};

use self::names::{COLLECTIONS, DIDS};
use crate::atproto::{AtUri, Did, Nsid};
use crate::limits;
use crate::store::archiving::RecordAt;

/// Ids of committed transactions, with bounded caches of those used last.
pub(super) struct Interner {
    known: Mutex<Known>,
}

struct Known {
    dids: LruCache<Did, i64>,
    collections: LruCache<Nsid, i64>,
    records: LruCache<RecordAt, i64>,
}

/// Ids as one transaction sees them. Dropped after a rollback; [`Ids::keep`] after a commit.
pub(super) struct Ids<'i> {
    shared: &'i Interner,
    dids: HashMap<Did, i64>,
    collections: HashMap<Nsid, i64>,
    records: HashMap<RecordAt, i64>,
}

impl Interner {
    pub(super) fn new() -> Self {
        let entries = NonZeroUsize::new(limits::INTERN_CACHE_ENTRIES).unwrap_or(NonZeroUsize::MIN);
        Self {
            known: Mutex::new(Known {
                dids: LruCache::new(entries),
                collections: LruCache::new(entries),
                records: LruCache::new(entries),
            }),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a transaction begins with.
    pub(super) fn begin(&self) -> Ids<'_> {
        Ids {
            shared: self,
            dids: HashMap::new(),
            collections: HashMap::new(),
            records: HashMap::new(),
        }
    }
}

impl Ids<'_> {
    /// Remembers for everybody what the transaction learnt: it has committed.
    pub(super) fn keep(self) {
        let mut known = self.shared.known();
        for (did, id) in self.dids {
            known.dids.put(did, id);
        }
        for (nsid, id) in self.collections {
            known.collections.put(nsid, id);
        }
        for (place, id) in self.records {
            known.records.put(place, id);
        }
    }

    /// Ids of accounts; makes what is missing.
    pub(super) async fn dids(
        &mut self,
        c: &mut PgConnection,
        dids: &[Did],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let found = self.remembered_dids(dids);
        DIDS.ids(c, dids, found, &mut self.dids).await
    }

    /// Ids of accounts that have one; makes nothing.
    pub(super) async fn known_dids(
        &mut self,
        c: &mut PgConnection,
        dids: &[Did],
    ) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let found = self.remembered_dids(dids);
        DIDS.known(c, dids, found, &mut self.dids).await
    }

    fn remembered_dids(&self, dids: &[Did]) -> Vec<Option<i64>> {
        let mut known = self.shared.known();
        let find = |did: &Did| self.dids.get(did).or_else(|| known.dids.get(did)).copied();
        dids.iter().map(find).collect()
    }

    /// Ids of collections; makes what is missing.
    pub(super) async fn collections(
        &mut self,
        c: &mut PgConnection,
        nsids: &[Nsid],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let found = {
            let mut known = self.shared.known();
            let own = &self.collections;
            nsids
                .iter()
                .map(|n| own.get(n).or_else(|| known.collections.get(n)).copied())
                .collect()
        };
        COLLECTIONS
            .ids(c, nsids, found, &mut self.collections)
            .await
    }

    /// Ids of records: `record.id`. A record that nobody archived gets a row without pos.
    pub(super) async fn uris(
        &mut self,
        c: &mut PgConnection,
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
        if found.iter().any(Option::is_none) {
            let mut missing: Vec<&RecordAt> = places
                .iter()
                .zip(&found)
                .filter_map(|(place, id)| id.is_none().then_some(place))
                .collect();
            missing.sort_unstable();
            missing.dedup();
            insert_bare(c, &missing).await?;
        }
        let ids = self.records(c, &places).await?;
        ids.into_iter()
            .collect::<Option<Vec<i64>>>()
            .ok_or_else(|| sqlx::Error::Protocol("a record that was made is not there".into()))
    }

    /// Ids of records that have a row.
    pub(super) async fn records(
        &mut self,
        c: &mut PgConnection,
        places: &[RecordAt],
    ) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let mut ids: Vec<Option<i64>> = {
            let mut known = self.shared.known();
            let own = &self.records;
            places
                .iter()
                .map(|p| own.get(p).or_else(|| known.records.get(p)).copied())
                .collect()
        };
        let unknown: Vec<usize> = (0..places.len()).filter(|i| ids[*i].is_none()).collect();
        if unknown.is_empty() {
            return Ok(ids);
        }
        let asked: Vec<&RecordAt> = unknown.iter().map(|i| &places[*i]).collect();
        let (dids, collections, rkeys) = columns(&asked);
        let rows = sqlx::query(
            "select k.i, r.id from unnest($1::bigint[], $2::bigint[], $3::text[]) \
             with ordinality as k(d, c, r, i) \
             join record r on r.did_id = k.d and r.coll_id = k.c and r.rkey = k.r",
        )
        .bind(dids)
        .bind(collections)
        .bind(rkeys)
        .fetch_all(c)
        .await?;
        for row in &rows {
            // Ordinality counts from 1.
            let i = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
            let id: i64 = row.try_get(1)?;
            let at = unknown.get(i.wrapping_sub(1)).copied();
            if let Some((slot, place)) = at.and_then(|at| ids.get_mut(at).zip(places.get(at))) {
                *slot = Some(id);
                self.records.insert(place.clone(), id);
            }
        }
        Ok(ids)
    }

    /// Remembers a row that the caller inserted.
    pub(super) fn remember(&mut self, place: RecordAt, id: i64) {
        self.records.insert(place, id);
    }
}

fn columns<'p>(places: &[&'p RecordAt]) -> (Vec<i64>, Vec<i64>, Vec<&'p str>) {
    let dids = places.iter().map(|p| p.did_id).collect();
    let collections = places.iter().map(|p| p.collection_id).collect();
    let rkeys = places.iter().map(|p| p.rkey.as_str()).collect();
    (dids, collections, rkeys)
}

/// In the order of the unique index, so that two transactions never wait for each other in a circle.
async fn insert_bare(c: &mut PgConnection, places: &[&RecordAt]) -> Result<(), sqlx::Error> {
    let (dids, collections, rkeys) = columns(places);
    sqlx::query(
        "insert into record (did_id, coll_id, rkey) \
         select d, c, r from unnest($1::bigint[], $2::bigint[], $3::text[]) as k(d, c, r) \
         on conflict (did_id, coll_id, rkey) do nothing",
    )
    .bind(dids)
    .bind(collections)
    .bind(rkeys)
    .execute(c)
    .await?;
    Ok(())
}
