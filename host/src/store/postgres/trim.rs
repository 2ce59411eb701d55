//! Tombstones go when every generation has passed them and they are old enough.
//!
//! What goes is the tombstone, not the row: other records' rows may refer to its id, so it becomes a bare address,
//! as if it had been referred to only. That is always safe. A row that the archive is just writing is left for later.

use super::transaction::Transaction;
use crate::entry::Partition;
use crate::limits;
use crate::store::error::StoreError;

/// Locked rows are looked at once more in their last state, so that none that came to life is freed.
const STEP: &str = "\
    with freed as materialized ( \
    select r.id from partition p join record r on r.part = p.part and r.pos <= coalesce( \
    (select min(g.pos) from position g where g.part = p.part), p.pos) \
    where r.cid is null and r.pos is not null and r.seen_us < $1 \
    limit $2 for update of r skip locked) \
    update record set part = null, pos = null, rev = null, trust = null, seen_us = null \
    from freed where record.id = freed.id";

/// Frees up to [`limits::TRIM_ROWS_PER_STEP`] tombstones.
pub(super) async fn step(
    tx: &mut Transaction<'_>,
    partitions: u16,
    before_us: i64,
) -> Result<u64, StoreError> {
    let all: Vec<Partition> = (0..partitions).collect();
    tx.hold(&all).await?;
    let done = sqlx::query(STEP)
        .bind(before_us)
        .bind(i64::try_from(limits::TRIM_ROWS_PER_STEP).unwrap_or(i64::MAX))
        .execute(tx.c())
        .await?;
    Ok(done.rows_affected())
}
