//! Records as `com.atproto.repo.getRecord` and `listRecords` show them: live ones of visible accounts.

use bytes::Bytes;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use crate::store::{RecordRow, RepoPage, StoreError};

/// Columns that [`row`] reads.
pub(super) const COLUMNS: &str = "r.rkey, r.cid, r.rev, r.seen_us, r.body";

/// One visible record.
pub(super) async fn get(
    readers: &SqlitePool,
    uri: &AtUri,
) -> Result<Option<RecordRow>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from record r where r.did_id = (select id from did where did = ?1) \
         and r.coll_id = (select id from collection where nsid = ?2) and r.rkey = ?3 and r.cid is not null \
         and not exists (select 1 from hidden h where h.did_id = r.did_id)"
    );
    let found = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(uri.did.as_str())
        .bind(uri.collection.as_str())
        .bind(uri.rkey.as_str())
        .fetch_optional(readers)
        .await?;
    found.as_ref().map(row).transpose()
}

/// See [`crate::store::Store::list_records`].
pub(super) async fn list(
    readers: &SqlitePool,
    did: &Did,
    collection: &Nsid,
    after: Option<&RecordKey>,
    reverse: bool,
    limit: usize,
) -> Result<Option<RepoPage>, StoreError> {
    let account = sqlx::query(
        "select d.id, exists (select 1 from hidden h where h.did_id = d.id) from did d where d.did = ?1",
    )
    .bind(did.as_str())
    .fetch_optional(readers)
    .await?;
    let did_id: i64 = match account {
        Some(row) if !row.get::<bool, _>(1) => row.get(0),
        _ => return Ok(None),
    };
    // Without a cursor every key is past it: keys are ASCII, between the empty text and DEL.
    let (compare, order, start) = if reverse {
        (">", "asc", "")
    } else {
        ("<", "desc", "\u{7f}")
    };
    let sql = format!(
        "select {COLUMNS} from record r where r.did_id = ?1 and r.coll_id = (select id from collection where nsid = ?2) \
         and r.rkey {compare} ?3 and r.cid is not null order by r.rkey {order} limit ?4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(did_id)
        .bind(collection.as_str())
        .bind(after.map_or(start, RecordKey::as_str))
        .bind(i64::try_from(limit + 1).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await?;
    let records = rows.iter().take(limit).map(row).collect::<Result<_, _>>()?;
    Ok(Some(RepoPage {
        records,
        more: rows.len() > limit,
    }))
}

/// Reads [`COLUMNS`].
pub(super) fn row(row: &SqliteRow) -> Result<RecordRow, StoreError> {
    let corrupt = |e: &dyn std::fmt::Display| StoreError::Corrupt(format!("a record row: {e}"));
    Ok(RecordRow {
        rkey: RecordKey::parse(row.get(0)).map_err(|e| corrupt(&e))?,
        cid: Cid::from_bytes(row.get(1)).map_err(|e| corrupt(&e))?,
        rev: Tid::parse(row.get(2)).map_err(|e| corrupt(&e))?,
        seen_us: row.get(3),
        body: Bytes::from(row.get::<Vec<u8>, _>(4)),
    })
}
