//! Reading chain states: by account, page by page, and in numbers.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::atproto::{Cid, Did, Tid};
use crate::store::archive::{BrokenRepo, RepoCounts, RepoState};
use crate::store::archiving::chains::status_from;
use crate::store::error::{StoreError, corrupt};

const STATES: &str = "\
    select j.key, r.rev, r.data, r.state, coalesce(a.active, 1), r.want from json_each(?) j \
    cross join did d on d.did = j.value cross join repo r on r.did_id = d.id \
    left join account a on a.did_id = d.id";

const BROKEN: &str = "\
    select r.did_id, d.did, r.rev, r.state, coalesce(r.reason, ''), r.state_us \
    from repo r indexed by repo_broken cross join did d on d.id = r.did_id \
    where r.state <> 0 and r.did_id > ? \
    and not exists (select 1 from hidden where hidden.did_id = r.did_id) \
    order by r.did_id limit ?";

const COUNTS: &str = "\
    select (select count(*) from repo), b.desynchronized, b.resyncing, b.inactive from (\
    select count(*) filter (where h.did_id is null and r.state = 1) as desynchronized, \
    count(*) filter (where h.did_id is null and r.state = 2) as resyncing, \
    count(*) filter (where h.did_id is not null) as inactive \
    from repo r indexed by repo_broken left join hidden h on h.did_id = r.did_id \
    where r.state <> 0) b";

/// See [`crate::store::Store::repo_states`].
pub(super) async fn states(
    c: &mut SqliteConnection,
    dids: &[Did],
) -> Result<Vec<Option<RepoState>>, StoreError> {
    let asked: Vec<&str> = dids.iter().map(Did::as_str).collect();
    let rows = sqlx::query(STATES)
        .bind(serde_json::Value::from(asked).to_string())
        .fetch_all(c)
        .await?;
    let mut states = vec![None; dids.len()];
    for row in &rows {
        let at = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
        let data: Option<&[u8]> = row.try_get(2)?;
        if let Some(slot) = states.get_mut(at) {
            *slot = Some(RepoState {
                rev: rev(row, 1)?,
                data: data.map(Cid::from_bytes).transpose().map_err(corrupt)?,
                status: status_from(row.try_get(3)?)?,
                want: rev(row, 5)?,
                active: row.try_get(4)?,
            });
        }
    }
    Ok(states)
}

/// See [`crate::store::Store::followed`].
pub(super) async fn followed(
    c: &mut SqliteConnection,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, Did)>, StoreError> {
    let rows = sqlx::query(
        "select r.did_id, d.did from repo r cross join did d on d.id = r.did_id \
         where r.did_id > ? order by r.did_id limit ?",
    )
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|row| {
            let did = Did::parse(row.try_get(1)?).map_err(corrupt)?;
            Ok((row.try_get(0)?, did))
        })
        .collect()
}

/// See [`crate::store::Store::broken_repos`].
pub(super) async fn broken(
    c: &mut SqliteConnection,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, BrokenRepo)>, StoreError> {
    let rows = sqlx::query(BROKEN)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(c)
        .await?;
    rows.iter()
        .map(|row| {
            let repo = BrokenRepo {
                did: Did::parse(row.try_get(1)?).map_err(corrupt)?,
                rev: rev(row, 2)?,
                status: status_from(row.try_get(3)?)?,
                reason: row.try_get(4)?,
                since_us: row.try_get(5)?,
            };
            Ok((row.try_get(0)?, repo))
        })
        .collect()
}

/// See [`crate::store::Store::repo_counts`].
pub(super) async fn counts(c: &mut SqliteConnection) -> Result<RepoCounts, StoreError> {
    let row = sqlx::query(COUNTS).fetch_one(c).await?;
    let count = |at: usize| -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default())
    };
    let (all, desynchronized, resyncing) = (count(0)?, count(1)?, count(2)?);
    let inactive = count(3)?;
    Ok(RepoCounts {
        synchronized: all.saturating_sub(desynchronized + resyncing + inactive),
        desynchronized,
        resyncing,
        inactive,
    })
}

fn rev(row: &SqliteRow, at: usize) -> Result<Option<Tid>, StoreError> {
    let text: Option<&str> = row.try_get(at)?;
    text.map(Tid::parse).transpose().map_err(corrupt)
}
