//! Tombstones go when every generation has passed them and they are old enough.
//!
//! What goes is the tombstone, not the row: other records' rows may refer to its id, so it becomes a bare address,
//! as if it had been referred to only. That is always safe.

use sqlx::SqliteConnection;

use crate::limits;
use crate::store::error::StoreError;

/// Frees up to [`limits::TRIM_ROWS_PER_STEP`] tombstones.
pub(super) async fn step(c: &mut SqliteConnection, before_us: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "update record set part = null, pos = null, rev = null, trust = null, seen_us = null where id in ( \
         select r.id from partition p join record r indexed by record_tombstone \
         on r.part = p.part and r.pos <= coalesce( \
         (select min(g.pos) from position g where g.part = p.part), p.pos) \
         where r.cid is null and r.pos is not null and r.seen_us < ? limit ?)",
    )
    .bind(before_us)
    .bind(i64::try_from(limits::TRIM_ROWS_PER_STEP).unwrap_or(i64::MAX))
    .execute(c)
    .await?;
    Ok(done.rows_affected())
}
