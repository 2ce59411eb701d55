//! The number of the queue's present life, in `meta`.

use sqlx::SqliteConnection;

use crate::store::error::StoreError;

/// Raises the number by one and gives it; the first is 1.
pub(super) async fn open(c: &mut SqliteConnection) -> Result<i64, StoreError> {
    let epoch = sqlx::query_scalar(
        "insert into meta (key, value) values ('queue_epoch', '1') \
         on conflict (key) do update set value = cast(cast(value as integer) + 1 as text) \
         returning cast(value as integer)",
    )
    .fetch_one(c)
    .await?;
    Ok(epoch)
}
