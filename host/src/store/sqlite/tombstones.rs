//! Freeing tombstones that nobody needs any more.

use sqlx::SqliteConnection;

use crate::store::StoreError;

/// A tombstone that is older than `before_us` and that every generation has passed becomes a bare address: rows of
/// plugins may still refer to it by its id.
pub(super) async fn trim(db: &mut SqliteConnection, before_us: i64) -> Result<u64, StoreError> {
    let sql = "update record set part = null, pos = null, rev = null, trust = null, seen_us = null \
         where cid is null and pos is not null and seen_us < ?1 \
         and pos <= (select coalesce(min(p.pos), record.pos) from position p where p.part = record.part)";
    Ok(sqlx::query(sql)
        .bind(before_us)
        .execute(db)
        .await?
        .rows_affected())
}
