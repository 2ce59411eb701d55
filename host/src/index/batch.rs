//! One batch of a consumer: what the feed holds for a plugin after its positions.

use std::collections::HashMap;
use std::sync::Arc;

use crate::entry::Partition;
use crate::limits;
use crate::store::{Change, Feed, FeedLimit, Pos, StoreError, Wants};

/// Changes of several partitions, each record once in its latest state.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// In feed order within each partition.
    pub(super) changes: Vec<Arc<Change>>,
    /// How far it covers each partition that has something new, wanted or not.
    pub(super) through: Vec<(Partition, Pos)>,
    /// Whether there may be more right now.
    pub(super) full: bool,
}

/// Reads what follows `positions`.
pub(super) async fn collect(
    feed: &Feed,
    positions: &[Pos],
    wants: Wants<'_>,
) -> Result<Batch, StoreError> {
    let mut batch = Batch::default();
    let mut all = Vec::new();
    let mut bytes = 0;
    for (partition, &from) in (0..).zip(positions) {
        let limit = FeedLimit {
            changes: limits::BATCH_CHANGES_MAX.saturating_sub(all.len()),
            bytes: limits::BATCH_BYTES_MAX.saturating_sub(bytes),
        };
        if limit.changes == 0 || limit.bytes == 0 {
            batch.full = true;
            break;
        }
        let part = feed.after(partition, from, wants, limit).await?;
        if part.through > from {
            batch.through.push((partition, part.through));
            batch.full |= part.through < feed.head(partition);
        }
        bytes += part.changes.iter().map(|c| c.size_bytes()).sum::<usize>();
        all.extend(part.changes);
    }
    batch.changes = latest_of_each(all);
    Ok(batch)
}

/// Rows follow a record's latest state: of several changes of one record the last stands, at its own place.
fn latest_of_each(changes: Vec<Arc<Change>>) -> Vec<Arc<Change>> {
    let last: HashMap<i64, usize> = changes
        .iter()
        .enumerate()
        .map(|(at, c)| (c.record_id, at))
        .collect();
    if last.len() == changes.len() {
        return changes;
    }
    changes
        .into_iter()
        .enumerate()
        .filter(|(at, c)| last.get(&c.record_id) == Some(at))
        .map(|(_, c)| c)
        .collect()
}
