//! Text names with ids in a two-column table: DIDs and collections.

use std::collections::HashMap;
use std::hash::Hash;

use sqlx::{PgConnection, Row as _};

use crate::atproto::{Did, Nsid};

/// One such table.
pub(super) struct Names<K> {
    find: &'static str,
    make: &'static str,
    text: fn(&K) -> &str,
}

pub(super) const DIDS: Names<Did> = Names {
    find: "select k.i, n.id from unnest($1::text[]) with ordinality as k(t, i) join did n on n.did = k.t",
    make: "insert into did (did) select t from unnest($1::text[]) as k(t) on conflict (did) do nothing",
    text: Did::as_str,
};

pub(super) const COLLECTIONS: Names<Nsid> = Names {
    find: "select k.i, n.id from unnest($1::text[]) with ordinality as k(t, i) join collection n on n.nsid = k.t",
    make: "insert into collection (nsid) select t from unnest($1::text[]) as k(t) on conflict (nsid) do nothing",
    text: Nsid::as_str,
};

impl<K: Clone + Hash + Eq> Names<K> {
    /// One id for each name, in order; `found` is what the caller knows. Makes what is missing, and tells `learnt`.
    pub(super) async fn ids(
        &self,
        c: &mut PgConnection,
        names: &[K],
        found: Vec<Option<i64>>,
        learnt: &mut HashMap<K, i64>,
    ) -> Result<Vec<i64>, sqlx::Error> {
        let found = self.known(c, names, found, learnt).await?;
        let mut missing: Vec<&str> = names
            .iter()
            .zip(&found)
            .filter_map(|(name, id)| id.is_none().then_some((self.text)(name)))
            .collect();
        if missing.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        // In the order of the unique index, so that two transactions never wait for each other in a circle.
        missing.sort_unstable();
        missing.dedup();
        sqlx::query(self.make)
            .bind(missing)
            .execute(&mut *c)
            .await?;
        let all = self.known(c, names, found, learnt).await?;
        all.into_iter()
            .collect::<Option<Vec<i64>>>()
            .ok_or_else(|| sqlx::Error::Protocol("a name that was made is not there".into()))
    }

    /// Ids of names that have one; makes nothing.
    pub(super) async fn known(
        &self,
        c: &mut PgConnection,
        names: &[K],
        mut found: Vec<Option<i64>>,
        learnt: &mut HashMap<K, i64>,
    ) -> Result<Vec<Option<i64>>, sqlx::Error> {
        let unknown: Vec<usize> = (0..names.len()).filter(|i| found[*i].is_none()).collect();
        if unknown.is_empty() {
            return Ok(found);
        }
        let asked: Vec<&str> = unknown.iter().map(|i| (self.text)(&names[*i])).collect();
        for row in sqlx::query(self.find).bind(asked).fetch_all(c).await? {
            // Ordinality counts from 1.
            let i = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
            let id: i64 = row.try_get(1)?;
            let at = unknown.get(i.wrapping_sub(1)).copied();
            if let Some((slot, name)) = at.and_then(|at| found.get_mut(at).zip(names.get(at))) {
                *slot = Some(id);
                learnt.insert(name.clone(), id);
            }
        }
        Ok(found)
    }
}
