//! Chain states in Postgres: read for a unit's accounts, written where they changed.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::atproto::Tid;
use crate::store::archiving::chains::{ChainState, Chains, Fetch, status_from, status_number};
use crate::store::error::{StoreError, corrupt};

const SELECT: &str = r#"
    select k.id, r.did_id is not null, r.rev, coalesce(r.state, 0), r.want, coalesce(r."fetch", 0),
    e.did_id is not null from unnest($1::bigint[]) as k(id) left join repo r on r.did_id = k.id
    left join erased e on e.did_id = k.id and e.lifted_us is null"#;

const MOVED: &str = "\
    insert into repo (did_id, part, rev, data) \
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::bytea[]) \
    on conflict (did_id) do update set rev = excluded.rev, data = excluded.data";

const TURNED: &str = r#"
    insert into repo (did_id, part, state, reason, state_us, want, "fetch")
    select d, p, s, r, $7, w, f
    from unnest($1::bigint[], $2::int[], $3::int[], $4::text[], $5::text[], $6::int[])
    as k(d, p, s, r, w, f)
    on conflict (did_id) do update set
    reason = case when excluded.state <> 0 then coalesce(excluded.reason, repo.reason) end,
    state_us = case when (repo.state = 0) = (excluded.state = 0) then repo.state_us
    else excluded.state_us end,
    state = excluded.state, want = excluded.want, "fetch" = excluded."fetch""#;

/// The chains of these accounts.
pub(super) async fn load(
    c: &mut PgConnection,
    dids: &[i64],
) -> Result<Vec<(i64, ChainState)>, StoreError> {
    let rows = sqlx::query(SELECT).bind(dids).fetch_all(c).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, read(row)?)))
        .collect()
}

fn read(row: &PgRow) -> Result<ChainState, StoreError> {
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

/// Writes what changed at `now_us`.
pub(super) async fn save(
    c: &mut PgConnection,
    chains: &Chains<'_>,
    now_us: i64,
) -> Result<(), sqlx::Error> {
    save_moved(c, chains).await?;
    save_turned(c, chains, now_us).await
}

async fn save_moved(c: &mut PgConnection, chains: &Chains<'_>) -> Result<(), sqlx::Error> {
    let rows = chains.moved();
    if rows.is_empty() {
        return Ok(());
    }
    let dids: Vec<i64> = rows.iter().map(|row| row.did_id).collect();
    let parts: Vec<i32> = rows.iter().map(|row| i32::from(row.partition)).collect();
    let revs: Vec<Option<&str>> = rows.iter().map(|row| row.rev).collect();
    let data: Vec<Option<&[u8]>> = rows.iter().map(|row| row.data).collect();
    sqlx::query(MOVED)
        .bind(dids)
        .bind(parts)
        .bind(revs)
        .bind(data)
        .execute(c)
        .await?;
    Ok(())
}

async fn save_turned(
    c: &mut PgConnection,
    chains: &Chains<'_>,
    now_us: i64,
) -> Result<(), sqlx::Error> {
    let rows = chains.turned();
    if rows.is_empty() {
        return Ok(());
    }
    let dids: Vec<i64> = rows.iter().map(|row| row.did_id).collect();
    let parts: Vec<i32> = rows.iter().map(|row| i32::from(row.partition)).collect();
    let states: Vec<i32> = rows.iter().map(|r| status_number(r.now.status)).collect();
    let reasons: Vec<Option<&str>> = rows.iter().map(|row| row.reason).collect();
    let wants: Vec<Option<&str>> = rows
        .iter()
        .map(|row| row.now.want.as_ref().map(Tid::as_str))
        .collect();
    let fetches: Vec<i32> = rows.iter().map(|row| row.now.fetch.number()).collect();
    sqlx::query(TURNED)
        .bind(dids)
        .bind(parts)
        .bind(states)
        .bind(reasons)
        .bind(wants)
        .bind(fetches)
        .bind(now_us)
        .execute(c)
        .await?;
    Ok(())
}
