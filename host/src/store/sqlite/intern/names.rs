//! Text names with integer ids in a two-column table: DIDs and collections.

use std::collections::HashMap;
use std::hash::Hash;

use lru::LruCache;
use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use crate::atproto::{Did, Nsid};

/// One such table, seen from the writer.
pub(super) struct Names<K: Hash + Eq> {
    known: LruCache<K, i64>,
    next: Option<i64>,
    select: &'static str,
    last: &'static str,
    insert: &'static str,
    text: fn(&K) -> &str,
}

impl Names<Did> {
    pub(super) fn dids() -> Self {
        Self {
            known: LruCache::new(super::cache_entries()),
            next: None,
            select: "select j.key, d.id from json_each(?) j cross join did d on d.did = j.value",
            last: "select coalesce(max(id), 0) from did",
            insert: "insert into did (id, did) values ",
            text: Did::as_str,
        }
    }
}

impl Names<Nsid> {
    pub(super) fn collections() -> Self {
        Self {
            known: LruCache::new(super::cache_entries()),
            next: None,
            select: "select j.key, n.id from json_each(?) j cross join collection n on n.nsid = j.value",
            last: "select coalesce(max(id), 0) from collection",
            insert: "insert into collection (id, nsid) values ",
            text: Nsid::as_str,
        }
    }
}

impl<K: Clone + Hash + Eq> Names<K> {
    /// One id for each name, in order; makes what is missing.
    pub(super) async fn ids(
        &mut self,
        c: &mut SqliteConnection,
        names: &[K],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let mut ids: Vec<Option<i64>> = names.iter().map(|n| self.known.get(n).copied()).collect();
        let mut seen: HashMap<&K, Option<i64>> = HashMap::new();
        let mut unknown: Vec<&K> = Vec::new();
        for (name, id) in names.iter().zip(&ids) {
            if id.is_none() && seen.insert(name, None).is_none() {
                unknown.push(name);
            }
        }
        if !unknown.is_empty() {
            for (name, id) in unknown.iter().zip(self.find_or_make(c, &unknown).await?) {
                self.known.put((*name).clone(), id);
                seen.insert(name, Some(id));
            }
            for (name, id) in names.iter().zip(&mut ids) {
                *id = id.or_else(|| seen.get(name).copied().flatten());
            }
        }
        Ok(ids.into_iter().flatten().collect())
    }

    /// Ids of names that have one; makes nothing.
    pub(super) async fn known(
        &mut self,
        c: &mut SqliteConnection,
        names: &[K],
    ) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let mut ids: Vec<Option<i64>> = names.iter().map(|n| self.known.get(n).copied()).collect();
        let unknown: Vec<usize> = (0..names.len()).filter(|i| ids[*i].is_none()).collect();
        if unknown.is_empty() {
            return Ok(ids);
        }
        let asked: Vec<&K> = unknown.iter().map(|i| &names[*i]).collect();
        for (i, id) in unknown.into_iter().zip(self.find(c, &asked).await?) {
            if let Some(id) = id {
                self.known.put(names[i].clone(), id);
                ids[i] = Some(id);
            }
        }
        Ok(ids)
    }

    async fn find(
        &self,
        c: &mut SqliteConnection,
        names: &[&K],
    ) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let texts: Vec<&str> = names.iter().map(|n| (self.text)(n)).collect();
        let json = serde_json::to_string(&texts).map_err(|e| sqlx::Error::Encode(e.into()))?;
        let mut ids: Vec<Option<i64>> = vec![None; names.len()];
        for row in sqlx::query(self.select).bind(json).fetch_all(c).await? {
            let at = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
            if let Some(slot) = ids.get_mut(at) {
                *slot = Some(row.try_get(1)?);
            }
        }
        Ok(ids)
    }

    /// `names` has no duplicates.
    async fn find_or_make(
        &mut self,
        c: &mut SqliteConnection,
        names: &[&K],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let ids = self.find(c, names).await?;
        let mut made: Vec<(i64, &str)> = Vec::new();
        let mut all = Vec::with_capacity(names.len());
        for (id, name) in ids.into_iter().zip(names) {
            let id = match id {
                Some(id) => id,
                None => {
                    let id = self.next(c).await?;
                    made.push((id, (self.text)(name)));
                    id
                }
            };
            all.push(id);
        }
        for range in bulk::chunks(made.len()) {
            let mut query = sqlx::query(bulk::values(self.insert, "(?,?)", range.len(), ""));
            for (id, text) in &made[range] {
                query = query.bind(*id).bind(*text);
            }
            query.execute(&mut *c).await?;
        }
        Ok(all)
    }

    async fn next(&mut self, c: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
        let last: i64 = match self.next {
            Some(last) => last,
            None => sqlx::query_scalar(self.last).fetch_one(c).await?,
        };
        self.next = Some(last + 1);
        Ok(last + 1)
    }

    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.next = None;
    }
}
