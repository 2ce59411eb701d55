//! Integer ids for DIDs, collections and record URIs, in bulk.
//!
//! Guarantees: one id for one text for ever; ids learnt inside a transaction that rolls back are forgotten. There is
//! one writer, so ids are given from counters in memory, which start at the highest id of each table.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;
use sqlx::{Row, SqliteConnection};

use crate::atproto::{AtUri, Did, Nsid, RecordKey};
use crate::limits;

/// A record's address in ids: account, collection, key.
pub(super) type RecordAddress = (i64, i64, RecordKey);

/// The writer's view of all interned names.
pub(super) struct Interner {
    dids: LruCache<Did, i64>,
    collections: LruCache<Nsid, i64>,
    records: LruCache<RecordAddress, i64>,
    next: Next,
}

#[derive(Clone, Copy)]
struct Next {
    did: i64,
    collection: i64,
    record: i64,
}

impl Interner {
    /// Reads where the counters stand.
    pub(super) async fn load(db: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let entries = NonZeroUsize::new(limits::INTERN_CACHE_ENTRIES).unwrap_or(NonZeroUsize::MIN);
        let row = sqlx::query(
            "select (select coalesce(max(id), 0) from did), (select coalesce(max(id), 0) from collection), (select coalesce(max(id), 0) from record)",
        )
        .fetch_one(db)
        .await?;
        Ok(Self {
            dids: LruCache::new(entries),
            collections: LruCache::new(entries),
            records: LruCache::new(entries),
            next: Next {
                did: row.get::<i64, _>(0) + 1,
                collection: row.get::<i64, _>(1) + 1,
                record: row.get::<i64, _>(2) + 1,
            },
        })
    }

    /// Ids of accounts, made where missing, in the order asked.
    pub(super) async fn dids(
        &mut self,
        db: &mut SqliteConnection,
        dids: &[Did],
    ) -> Result<Vec<i64>, sqlx::Error> {
        resolve(db, &DIDS, &mut self.dids, &mut self.next.did, dids).await
    }

    /// Ids of collections, made where missing, in the order asked.
    pub(super) async fn collections(
        &mut self,
        db: &mut SqliteConnection,
        nsids: &[Nsid],
    ) -> Result<Vec<i64>, sqlx::Error> {
        resolve(
            db,
            &COLLECTIONS,
            &mut self.collections,
            &mut self.next.collection,
            nsids,
        )
        .await
    }

    /// Ids of records by address, made where missing (as addresses that nothing was archived at), in the order asked.
    pub(super) async fn records(
        &mut self,
        db: &mut SqliteConnection,
        addresses: &[RecordAddress],
    ) -> Result<Vec<i64>, sqlx::Error> {
        resolve(
            db,
            &RECORDS,
            &mut self.records,
            &mut self.next.record,
            addresses,
        )
        .await
    }

    /// Ids of records by URI, as [`Interner::records`].
    pub(super) async fn uris(
        &mut self,
        db: &mut SqliteConnection,
        uris: &[AtUri],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let dids: Vec<Did> = uris.iter().map(|u| u.did.clone()).collect();
        let collections: Vec<Nsid> = uris.iter().map(|u| u.collection.clone()).collect();
        let dids = self.dids(db, &dids).await?;
        let collections = self.collections(db, &collections).await?;
        let addresses: Vec<RecordAddress> = dids
            .into_iter()
            .zip(collections)
            .zip(uris)
            .map(|((did, collection), uri)| (did, collection, uri.rkey.clone()))
            .collect();
        self.records(db, &addresses).await
    }

    /// After a rollback: what was learnt since may not exist. Counters stay ahead, which only leaves gaps.
    pub(super) fn forget(&mut self) {
        self.dids.clear();
        self.collections.clear();
        self.records.clear();
    }
}

/// How one kind of name is found and made. Both statements take one JSON array.
struct Kind<K> {
    /// Gives (index into the array, id).
    find: &'static str,
    /// Takes `[id, field, …]` for each.
    insert: &'static str,
    /// Appends the fields as JSON, separated by commas.
    fields: fn(&K, &mut String),
}

const DIDS: Kind<Did> = Kind {
    find: "select j.key, d.id from json_each(?1) j cross join did d on d.did = json_extract(j.value, '$[0]')",
    insert: "insert into did (id, did) select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(?1)",
    fields: |did, out| quoted(did.as_str(), out),
};

const COLLECTIONS: Kind<Nsid> = Kind {
    find: "select j.key, c.id from json_each(?1) j cross join collection c on c.nsid = json_extract(j.value, '$[0]')",
    insert: "insert into collection (id, nsid) select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(?1)",
    fields: |nsid, out| quoted(nsid.as_str(), out),
};

const RECORDS: Kind<RecordAddress> = Kind {
    find: "select j.key, r.id from json_each(?1) j cross join record r on r.did_id = json_extract(j.value, '$[0]') and r.coll_id = json_extract(j.value, '$[1]') and r.rkey = json_extract(j.value, '$[2]')",
    insert: "insert into record (id, did_id, coll_id, rkey) select json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]') from json_each(?1)",
    fields: |(did, collection, rkey), out| {
        out.push_str(&format!("{did},{collection},"));
        quoted(rkey.as_str(), out);
    },
};

/// DIDs, NSIDs and record keys hold nothing that JSON would have to escape.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

async fn resolve<K: Hash + Eq + Clone>(
    db: &mut SqliteConnection,
    kind: &Kind<K>,
    cache: &mut LruCache<K, i64>,
    next: &mut i64,
    keys: &[K],
) -> Result<Vec<i64>, sqlx::Error> {
    // The answer does not rely on the cache, which may be smaller than one call.
    let mut ids: HashMap<&K, i64> = HashMap::with_capacity(keys.len());
    let mut unknown: Vec<&K> = Vec::new();
    for key in keys {
        if !ids.contains_key(key) {
            let known = cache.get(key).copied();
            ids.insert(key, known.unwrap_or(0));
            if known.is_none() {
                unknown.push(key);
            }
        }
    }
    if !unknown.is_empty() {
        find(db, kind, &unknown, &mut ids).await?;
        make(db, kind, &unknown, next, &mut ids).await?;
        for key in unknown {
            cache.put(key.clone(), ids[key]);
        }
    }
    Ok(keys.iter().map(|key| ids[key]).collect())
}

async fn find<'k, K: Hash + Eq>(
    db: &mut SqliteConnection,
    kind: &Kind<K>,
    unknown: &[&'k K],
    ids: &mut HashMap<&'k K, i64>,
) -> Result<(), sqlx::Error> {
    let mut array = String::with_capacity(unknown.len() * 48);
    for key in unknown {
        array.push(if array.is_empty() { '[' } else { ',' });
        array.push('[');
        (kind.fields)(key, &mut array);
        array.push(']');
    }
    array.push(']');
    for row in sqlx::query(kind.find).bind(array).fetch_all(db).await? {
        let at = usize::try_from(row.get::<i64, _>(0)).unwrap_or(usize::MAX);
        if let Some(key) = unknown.get(at) {
            ids.insert(key, row.get(1));
        }
    }
    Ok(())
}

async fn make<'k, K: Hash + Eq>(
    db: &mut SqliteConnection,
    kind: &Kind<K>,
    unknown: &[&'k K],
    next: &mut i64,
    ids: &mut HashMap<&'k K, i64>,
) -> Result<(), sqlx::Error> {
    let mut array = String::new();
    for key in unknown {
        if ids[key] != 0 {
            continue;
        }
        array.push(if array.is_empty() { '[' } else { ',' });
        array.push_str(&format!("[{next},"));
        (kind.fields)(key, &mut array);
        array.push(']');
        ids.insert(key, *next);
        *next += 1;
    }
    if array.is_empty() {
        return Ok(());
    }
    array.push(']');
    sqlx::query(kind.insert).bind(array).execute(db).await?;
    Ok(())
}
