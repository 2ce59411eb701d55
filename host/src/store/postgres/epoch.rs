//! The number of the queue's present life, in `meta`.

use super::transaction::Transaction;
use crate::entry::Partition;
use crate::store::error::StoreError;

/// Raises the number by one and gives it; the first is 1. For the host that writes alone: the number says whose
/// entries the queue takes.
pub(super) async fn open(tx: &mut Transaction<'_>, partitions: u16) -> Result<i64, StoreError> {
    let all: Vec<Partition> = (0..partitions).collect();
    tx.hold(&all).await?;
    let epoch = sqlx::query_scalar(
        "insert into meta (key, value) values ('queue_epoch', '1') \
         on conflict (key) do update set value = (meta.value::bigint + 1)::text \
         returning value::bigint",
    )
    .fetch_one(tx.c())
    .await?;
    Ok(epoch)
}
