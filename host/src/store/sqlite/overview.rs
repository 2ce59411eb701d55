//! The overview of a file, also while a host owns it.

use std::path::Path;

use sqlx::Connection as _;

use super::connection;
use crate::store::error::StoreError;
use crate::store::overview::Overview;

/// Reads it; the file is not changed.
///
/// # Errors
/// When there is no such file, or it is not a store of this version.
pub async fn overview(path: &Path) -> Result<Overview, StoreError> {
    let mut c = connection::open_looking(path).await?;
    let mut snapshot = c.begin().await?;
    let partitions = sqlx::query_as("select part, pos from partition order by part")
        .fetch_all(&mut *snapshot)
        .await?;
    let marks = sqlx::query_as("select source, min(seq), count(*) from mark group by source")
        .fetch_all(&mut *snapshot)
        .await?;
    let positions = sqlx::query_as(
        "select g.plugin, g.id, p.part, p.pos from generation g \
         join position p on p.generation = g.id order by g.id, p.part",
    )
    .fetch_all(&mut *snapshot)
    .await?;
    Ok(Overview::of(partitions, marks, positions))
}
