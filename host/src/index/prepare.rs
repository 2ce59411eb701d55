//! The part of a consumer's step that needs no transaction: read the feed, run the guest.

use std::sync::Arc;
use std::time::Instant;

use super::batch;
use super::effects;
use crate::entry::Partition;
use crate::plugins::Plugin;
use crate::store::{Change, Effect, Feed, Pos, StoreError};

/// What a batch becomes, before it is committed.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// In feed order; each record once.
    pub(super) effects: Vec<(Arc<Change>, Effect)>,
    /// How far this covers each partition that moved.
    pub(super) through: Vec<(Partition, Pos)>,
    /// Whether the feed holds more right now.
    pub(super) more: bool,
    /// Time spent in the guest (microseconds).
    pub(super) guest_us: u64,
}

/// Reads what follows `from` and runs the guest over it.
pub(super) async fn prepare(
    plugin: &Arc<Plugin>,
    feed: &Feed,
    from: &[Pos],
) -> Result<Prepared, StoreError> {
    let manifest = Arc::clone(plugin.manifest());
    let batch = batch::collect(feed, from, &|collection| manifest.wants(collection)).await?;
    let mut prepared = Prepared {
        through: batch.through,
        more: batch.full,
        ..Prepared::default()
    };
    if batch.changes.is_empty() {
        return Ok(prepared);
    }
    let plugin = Arc::clone(plugin);
    let begun = Instant::now();
    prepared.effects =
        tokio::task::spawn_blocking(move || effects::of_changes(&plugin, batch.changes))
            .await
            .map_err(|e| StoreError::Corrupt(format!("the thread that runs a guest ended: {e}")))?;
    prepared.guest_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(prepared)
}
