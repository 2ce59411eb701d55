//! Chain states in the database: read for a unit's accounts, written where they changed.

use std::collections::{BTreeMap, BTreeSet};

use lru::LruCache;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::super::super::bulk;
use super::super::super::repos::{status_from, status_number};
use super::{Chain, ChainState, Chains, Fetch};
use crate::atproto::Tid;
use crate::store::error::StoreError;

const SELECT: &str = "\
    select k.value, r.did_id is not null, r.rev, coalesce(r.state, 0), r.want, coalesce(r.fetch, 0), \
    e.did_id is not null from json_each(?) k left join repo r on r.did_id = k.value \
    left join erased e on e.did_id = k.value and e.lifted_us is null";

impl Chains<'_> {
    /// The chains of these accounts, from the writer's memory where it has them.
    pub(in super::super) async fn load(
        c: &mut SqliteConnection,
        known: &mut LruCache<i64, ChainState>,
        dids: impl Iterator<Item = i64>,
    ) -> Result<Self, StoreError> {
        let mut by_did = BTreeMap::new();
        let mut unknown = Vec::new();
        for did_id in dids.collect::<BTreeSet<i64>>() {
            let now = known.get(&did_id).copied().unwrap_or_else(|| {
                unknown.push(did_id);
                ChainState::default()
            });
            let chain = Chain {
                now,
                ..Chain::default()
            };
            by_did.insert(did_id, chain);
        }
        if !unknown.is_empty() {
            let rows = sqlx::query(SELECT)
                .bind(bulk::id_list(&unknown))
                .fetch_all(c)
                .await?;
            for row in &rows {
                if let Some(chain) = by_did.get_mut(&row.try_get(0)?) {
                    chain.now = read(row)?;
                }
            }
        }
        Ok(Self { by_did })
    }

    /// Writes what changed at `now_us`, and keeps all of it in the writer's memory.
    pub(in super::super) async fn save(
        self,
        c: &mut SqliteConnection,
        known: &mut LruCache<i64, ChainState>,
        now_us: i64,
    ) -> Result<(), StoreError> {
        self.save_moved(c).await?;
        self.save_turned(c, now_us).await?;
        for (did_id, chain) in self.by_did {
            known.put(did_id, chain.now);
        }
        Ok(())
    }

    async fn save_moved(&self, c: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let moved: Vec<_> = self
            .by_did
            .iter()
            .filter_map(|(did_id, chain)| Some((*did_id, chain.now.rev, chain.moved?)))
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
                    .bind(rev.as_ref().map(Tid::as_str))
                    .bind(data.as_ref().map(|d| d.as_bytes().as_slice()));
            }
            query.execute(&mut *c).await?;
        }
        Ok(())
    }

    async fn save_turned(&self, c: &mut SqliteConnection, now_us: i64) -> Result<(), sqlx::Error> {
        let turned: Vec<_> = self
            .by_did
            .iter()
            .filter_map(|(did_id, chain)| Some((*did_id, chain.turned?, chain)))
            .collect();
        for range in bulk::chunks(turned.len()) {
            let sql = bulk::values(
                "insert into repo (did_id, part, state, reason, state_us, want, fetch) values ",
                "(?,?,?,?,?,?,?)",
                range.len(),
                " on conflict (did_id) do update set \
                 reason = case when excluded.state <> 0 then coalesce(excluded.reason, reason) end, \
                 state_us = case when (state = 0) = (excluded.state = 0) then state_us \
                 else excluded.state_us end, \
                 state = excluded.state, want = excluded.want, fetch = excluded.fetch",
            );
            let mut query = sqlx::query(sql);
            for (did_id, partition, chain) in &turned[range] {
                query = query
                    .bind(*did_id)
                    .bind(*partition)
                    .bind(status_number(chain.now.status))
                    .bind(chain.reason.as_deref())
                    .bind(now_us)
                    .bind(chain.now.want.as_ref().map(Tid::as_str))
                    .bind(chain.now.fetch.number());
            }
            query.execute(&mut *c).await?;
        }
        Ok(())
    }
}

impl Fetch {
    fn number(self) -> i64 {
        match self {
            Self::None => 0,
            Self::UnderWay => 1,
            Self::TooEarly => 2,
        }
    }

    fn from_number(number: i64) -> Result<Self, StoreError> {
        match number {
            0 => Ok(Self::None),
            1 => Ok(Self::UnderWay),
            2 => Ok(Self::TooEarly),
            _ => Err(StoreError::Corrupt(format!(
                "expected a repository's fetch to be 0, 1 or 2, got {number}"
            ))),
        }
    }
}

fn read(row: &SqliteRow) -> Result<ChainState, StoreError> {
    let rev = |at: usize| -> Result<Option<Tid>, StoreError> {
        let text: Option<&str> = row.try_get(at)?;
        text.map(Tid::parse)
            .transpose()
            .map_err(|e| StoreError::Corrupt(format!("a repository's rev: {e}")))
    };
    Ok(ChainState {
        followed: row.try_get(1)?,
        rev: rev(2)?,
        status: status_from(row.try_get(3)?)?,
        want: rev(4)?,
        fetch: Fetch::from_number(row.try_get(5)?)?,
        erased: row.try_get(6)?,
    })
}
