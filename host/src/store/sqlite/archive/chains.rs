//! Repository state: which commits are new, and how far each repository came.

use std::collections::BTreeMap;

use lru::LruCache;
use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use crate::atproto::{Cid, Tid};
use crate::entry::{Commit, Desync, Entry, Partition};
use crate::store::error::StoreError;

/// What a commit is to the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its rev is not above the repository's: known already.
    Replayed,
    /// New, but nothing in it is wanted.
    Quiet,
    /// New, with something to keep.
    New,
}

#[derive(Default)]
struct Chain<'a> {
    rev: Option<Tid>,
    write: Option<(Partition, Option<Cid>)>,
    desync: Option<&'a str>,
}

/// The repositories that a unit touches, by account id.
pub(super) struct Chains<'a> {
    by_did: BTreeMap<i64, Chain<'a>>,
}

impl<'a> Chains<'a> {
    pub(super) async fn load(
        c: &mut SqliteConnection,
        revs: &mut LruCache<i64, Option<Tid>>,
        entries: impl Iterator<Item = (&'a (Partition, Entry), &Option<i64>)>,
    ) -> Result<Self, StoreError> {
        let mut by_did: BTreeMap<i64, Chain<'a>> = BTreeMap::new();
        let mut unknown = Vec::new();
        for ((_, entry), did_id) in entries {
            let (Entry::Commit(_) | Entry::Desync(_), Some(did_id)) = (entry, did_id) else {
                continue;
            };
            by_did.entry(*did_id).or_insert_with(|| {
                let rev = revs.get(did_id).copied().unwrap_or_else(|| {
                    unknown.push(*did_id);
                    None
                });
                Chain {
                    rev,
                    ..Chain::default()
                }
            });
        }
        if !unknown.is_empty() {
            let sql =
                "select did_id, rev from repo where did_id in (select value from json_each(?))";
            let rows = sqlx::query(sql)
                .bind(bulk::id_list(&unknown))
                .fetch_all(&mut *c)
                .await?;
            for row in rows {
                let rev = Tid::parse(row.try_get(1)?)
                    .map_err(|e| StoreError::Corrupt(format!("a repository's rev: {e}")))?;
                if let Some(chain) = by_did.get_mut(&row.try_get(0)?) {
                    chain.rev = Some(rev);
                }
            }
        }
        Ok(Self { by_did })
    }

    /// Judges a commit and moves its repository on when it is new.
    pub(super) fn step(&mut self, did_id: i64, partition: Partition, commit: &Commit) -> Step {
        let chain = self.by_did.entry(did_id).or_default();
        let quiet = commit.ops.is_empty() && commit.rejected.is_empty();
        match chain.rev {
            Some(rev) if commit.rev <= rev => return Step::Replayed,
            None if quiet => return Step::Quiet,
            _ => {}
        }
        chain.rev = Some(commit.rev);
        chain.write = Some((partition, commit.data));
        if quiet { Step::Quiet } else { Step::New }
    }

    /// Notes a hole in a repository that the archive holds something of, unless the archive has come past it: by rev,
    /// or, where not even that could be read, because `passed`, the mark of its source, is behind it. The first
    /// reason stays.
    pub(super) fn desync(&mut self, did_id: i64, event: &'a Desync, passed: Option<i64>) {
        let replayed = passed.is_some_and(|mark| event.seq <= mark);
        if let Some(chain) = self.by_did.get_mut(&did_id)
            && let Some(rev) = chain.rev
            && event.rev.is_none_or(|missing| rev < missing)
            && !replayed
        {
            chain.desync.get_or_insert(&event.reason);
        }
    }

    pub(super) async fn save(
        self,
        c: &mut SqliteConnection,
        revs: &mut LruCache<i64, Option<Tid>>,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let moved: Vec<_> = self
            .by_did
            .iter()
            .filter_map(|(did_id, chain)| Some((*did_id, chain.rev?, chain.write?)))
            .collect();
        for range in bulk::chunks(moved.len()) {
            let sql = bulk::values(
                "insert into repo (did_id, part, rev, data) values ",
                "(?,?,?,?)",
                range.len(),
                " on conflict (did_id) do update set rev = excluded.rev, data = excluded.data",
            );
            let mut query = sqlx::query(sql);
            for (did_id, rev, (partition, data)) in &moved[range] {
                query = query
                    .bind(*did_id)
                    .bind(*partition)
                    .bind(rev.as_str())
                    .bind(data.as_ref().map(|d| d.as_bytes().as_slice()));
            }
            query.execute(&mut *c).await?;
        }
        let broken: Vec<_> = self
            .by_did
            .iter()
            .filter_map(|(did_id, chain)| Some((*did_id, chain.desync?)))
            .collect();
        for range in bulk::chunks(broken.len()) {
            let sql = bulk::values(
                "with k(d, why, at) as (values ",
                "(?,?,?)",
                range.len(),
                ") update repo set state = 1, reason = k.why, state_us = k.at from k \
                 where repo.did_id = k.d and repo.state = 0",
            );
            let mut query = sqlx::query(sql);
            for (did_id, reason) in &broken[range] {
                query = query.bind(*did_id).bind(*reason).bind(now_us);
            }
            query.execute(&mut *c).await?;
        }
        for (did_id, chain) in self.by_did {
            revs.put(did_id, chain.rev);
        }
        Ok(())
    }
}
