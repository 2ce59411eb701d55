//! Reading repositories from the archive: one record, or a page by record key. Hidden accounts have nothing.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use crate::store::archive::{RecordRow, RepoPage};
use crate::store::error::{StoreError, corrupt};

/// A page's SQL; the bound is left out when there is no cursor, so that the index is used either way.
macro_rules! page_sql {
    ($bound:literal, $order:literal) => {
        concat!(
            "select r.rkey, r.cid, r.rev, r.seen_us, r.body from record r ",
            "where r.did_id = $1 and r.coll_id = $2 ",
            $bound,
            " and r.cid is not null ",
            "and not exists (select 1 from hidden h where h.did_id = r.did_id) ",
            "order by r.rkey ",
            $order,
            " limit $3"
        )
    };
}
/// One live record of a visible account.
pub(super) async fn get(
    c: &mut PgConnection,
    uri: &AtUri,
) -> Result<Option<RecordRow>, StoreError> {
    let row = sqlx::query(
        "select r.rkey, r.cid, r.rev, r.seen_us, r.body from record r \
         where r.did_id = (select id from did where did = $1) \
         and r.coll_id = (select id from collection where nsid = $2) and r.rkey = $3 \
         and r.cid is not null and not exists (select 1 from hidden h where h.did_id = r.did_id)",
    )
    .bind(uri.did.as_str())
    .bind(uri.collection.as_str())
    .bind(uri.rkey.as_str())
    .fetch_optional(c)
    .await?;
    row.map(|row| record(&row)).transpose()
}

/// A page: see [`crate::store::Store::list_records`].
pub(super) async fn list(
    c: &mut PgConnection,
    (did, collection): (&Did, &Nsid),
    after: Option<&RecordKey>,
    reverse: bool,
    limit: usize,
) -> Result<Option<RepoPage>, StoreError> {
    let account = sqlx::query(
        "select d.id, exists (select 1 from hidden h where h.did_id = d.id), \
         (select id from collection where nsid = $1) from did d where d.did = $2",
    )
    .bind(collection.as_str())
    .bind(did.as_str())
    .fetch_optional(&mut *c)
    .await?;
    let Some(account) = account else {
        return Ok(Some(RepoPage::default()));
    };
    if account.try_get(1)? {
        return Ok(None);
    }
    let sql = match (reverse, after.is_some()) {
        (false, false) => page_sql!("", "desc"),
        (false, true) => page_sql!("and r.rkey < $4", "desc"),
        (true, false) => page_sql!("", "asc"),
        (true, true) => page_sql!("and r.rkey > $4", "asc"),
    };
    let mut query = sqlx::query(sql)
        .bind(account.try_get::<i64, _>(0)?)
        .bind(account.try_get::<Option<i64>, _>(2)?)
        .bind(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX));
    if let Some(after) = after {
        query = query.bind(after.as_str());
    }
    let rows = query.fetch_all(c).await?;
    let mut page = RepoPage {
        records: rows.iter().map(record).collect::<Result<_, _>>()?,
        more: rows.len() > limit,
    };
    page.records.truncate(limit);
    Ok(Some(page))
}

fn record(row: &PgRow) -> Result<RecordRow, StoreError> {
    Ok(RecordRow {
        rkey: RecordKey::parse(row.try_get(0)?).map_err(corrupt)?,
        cid: Cid::from_bytes(row.try_get(1)?).map_err(corrupt)?,
        rev: Tid::parse(row.try_get(2)?).map_err(corrupt)?,
        seen_us: row.try_get(3)?,
        body: Bytes::from(row.try_get::<Vec<u8>, _>(4)?),
    })
}
