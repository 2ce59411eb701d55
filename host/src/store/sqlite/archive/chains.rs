//! Chain states in the file: read for a unit's accounts, written where they changed.

use lru::LruCache;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use crate::atproto::Tid;
use crate::store::archiving::chains::{ChainState, Chains, Fetch, status_from, status_number};
use crate::store::error::{StoreError, corrupt};

const SELECT: &str = "\
    select k.value, r.did_id is not null, r.rev, coalesce(r.state, 0), r.want, coalesce(r.fetch, 0), \
    e.did_id is not null from json_each(?) k left join repo r on r.did_id = k.value \
    left join erased e on e.did_id = k.value and e.lifted_us is null";

/// The chains of these accounts, from the writer's memory where it has them.
pub(super) async fn load(
    c: &mut SqliteConnection,
    known: &mut LruCache<i64, ChainState>,
    dids: &[i64],
) -> Result<Vec<(i64, ChainState)>, StoreError> {
    let mut chains = Vec::with_capacity(dids.len());
    let mut unknown = Vec::new();
    for did_id in dids {
        match known.get(did_id) {
            Some(chain) => chains.push((*did_id, *chain)),
            None => unknown.push(*did_id),
        }
    }
    if !unknown.is_empty() {
        let rows = sqlx::query(SELECT)
            .bind(bulk::id_list(&unknown))
            .fetch_all(c)
            .await?;
        for row in &rows {
            chains.push((row.try_get(0)?, read(row)?));
        }
    }
    Ok(chains)
}

/// Writes what changed at `now_us`.
pub(super) async fn save(
    c: &mut SqliteConnection,
    chains: &Chains<'_>,
    now_us: i64,
) -> Result<(), sqlx::Error> {
    save_moved(c, chains).await?;
    save_turned(c, chains, now_us).await
}

async fn save_moved(c: &mut SqliteConnection, chains: &Chains<'_>) -> Result<(), sqlx::Error> {
    let moved = chains.moved();
    for range in bulk::chunks(moved.len()) {
        let sql = bulk::values(
            "insert into repo (did_id, part, rev, data) values ",
            "(?,?,?,?)",
            range.len(),
            " on conflict (did_id) do update set rev = excluded.rev, data = excluded.data",
        );
        let mut query = sqlx::query(sql);
        for row in &moved[range] {
            query = query
                .bind(row.did_id)
                .bind(row.partition)
                .bind(row.rev)
                .bind(row.data);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

async fn save_turned(
    c: &mut SqliteConnection,
    chains: &Chains<'_>,
    now_us: i64,
) -> Result<(), sqlx::Error> {
    let turned = chains.turned();
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
        for row in &turned[range] {
            query = query
                .bind(row.did_id)
                .bind(row.partition)
                .bind(status_number(row.now.status))
                .bind(row.reason)
                .bind(now_us)
                .bind(row.now.want.as_ref().map(Tid::as_str))
                .bind(row.now.fetch.number());
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<ChainState, StoreError> {
    let rev = |at: usize| -> Result<Option<Tid>, StoreError> {
        let text: Option<&str> = row.try_get(at)?;
        text.map(Tid::parse).transpose().map_err(corrupt)
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
