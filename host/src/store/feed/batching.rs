//! Cutting a run of changes into a batch that ends between two pos.

use std::sync::Arc;

use super::{Change, FeedBatch, Pos};

/// How much of the feed to take at once. One pos is never cut, so a single large one may exceed it.
#[derive(Clone, Copy, Debug)]
pub struct FeedLimit {
    /// Wanted changes.
    pub changes: usize,
    /// Their size (bytes, as [`Change::size_bytes`] counts).
    pub bytes: usize,
}

/// Collects changes in pos order until a bound is reached. The first pos is taken whole whatever its size.
#[derive(Debug)]
pub(in crate::store) struct Batching {
    changes: Vec<Arc<Change>>,
    /// How many of `changes` belong to complete pos.
    complete: usize,
    bytes: usize,
    limit: FeedLimit,
    /// The first pos that did not fit.
    cut: Option<Pos>,
}

impl Batching {
    pub(in crate::store) fn new(limit: FeedLimit) -> Self {
        Self {
            changes: Vec::new(),
            complete: 0,
            bytes: 0,
            limit,
            cut: None,
        }
    }

    /// Takes the next change; `false` when the batch is full, and then for good.
    pub(in crate::store) fn offer(&mut self, change: &Arc<Change>) -> bool {
        if self.changes.last().is_some_and(|c| c.pos != change.pos) {
            self.complete = self.changes.len();
        }
        self.bytes += change.size_bytes();
        let too_many = self.changes.len() >= self.limit.changes || self.bytes > self.limit.bytes;
        if self.complete > 0 && too_many {
            self.changes.truncate(self.complete);
            self.cut = Some(change.pos);
            return false;
        }
        self.changes.push(Arc::clone(change));
        true
    }

    /// The batch; it covers everything to `through` unless it was cut before.
    pub(in crate::store) fn end(self, through: Pos) -> FeedBatch {
        FeedBatch {
            changes: self.changes,
            through: self.cut.map_or(through, |pos| pos - 1),
        }
    }
}
