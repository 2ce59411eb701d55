//! Reading what upstream told of accounts.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::atproto::Did;
use crate::entry::Source;
use crate::store::archive::AccountRow;
use crate::store::error::{StoreError, corrupt};

const ONE: &str = "\
    select a.did_id, d.did, a.active, a.status, a.status_source, a.status_seq, \
    exists (select 1 from erased e where e.did_id = a.did_id and e.lifted_us is null and e.done = 1) \
    from did d join account a on a.did_id = d.id where d.did = ?";

const DELETED: &str = "\
    select a.did_id, d.did, a.active, a.status, a.status_source, a.status_seq, 0 \
    from account a indexed by account_deleted cross join did d on d.id = a.did_id \
    where a.active = 0 and a.status = 'deleted' and a.did_id > ? \
    and not exists (select 1 from erased e where e.did_id = a.did_id and e.lifted_us is null) \
    and (exists (select 1 from repo r where r.did_id = a.did_id) \
    or exists (select 1 from record r where r.did_id = a.did_id and r.cid is not null)) \
    order by a.did_id limit ?";

/// See [`crate::store::Store::account`].
pub(super) async fn get(
    c: &mut SqliteConnection,
    did: &Did,
) -> Result<Option<AccountRow>, StoreError> {
    let row = sqlx::query(ONE)
        .bind(did.as_str())
        .fetch_optional(c)
        .await?;
    row.map(|row| account(&row)).transpose()
}

/// See [`crate::store::Store::deleted_accounts`]. Accounts whose erasure has begun are left out too.
pub(super) async fn deleted(
    c: &mut SqliteConnection,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, AccountRow)>, StoreError> {
    let rows = sqlx::query(DELETED)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(c)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, account(row)?)))
        .collect()
}

fn account(row: &SqliteRow) -> Result<AccountRow, StoreError> {
    let source: Option<String> = row.try_get(4)?;
    let seq: Option<i64> = row.try_get(5)?;
    Ok(AccountRow {
        did: Did::parse(row.try_get(1)?).map_err(corrupt)?,
        active: row.try_get(2)?,
        status: row.try_get(3)?,
        origin: source.map(|s| Source(s.into())).zip(seq),
        erased: row.try_get(6)?,
    })
}
