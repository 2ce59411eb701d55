//! The archive's shapes: what the host consumer hands in, what it learns, and what a repository read returns.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::feed::{Change, Pos};
use super::rows::Advance;
use crate::atproto::{Cid, RecordKey, Tid};
use crate::entry::{Entry, Partition, Source};

/// Entries of any partitions, in queue order, applied in one transaction.
#[derive(Clone, Debug)]
pub struct ArchiveUnit {
    /// In queue order for each partition.
    pub entries: Arc<Vec<(Partition, Entry)>>,
    /// The first-seen time of what is new in it, microseconds since 1970.
    pub now_us: i64,
}

/// What applying an [`ArchiveUnit`] did.
#[derive(Clone, Debug, Default)]
pub struct Archived {
    /// Changes in pos order for each partition, for consumers that follow closely.
    pub changes: Vec<Arc<Change>>,
    /// The step of each partition that moved: its last pos before and after. A pos between may have no change.
    pub heads: Vec<Advance>,
    /// Commits that were new.
    pub commits: u64,
    /// Commits that were known already (rev at or below the repository's).
    pub replayed: u64,
    /// Operations applied.
    pub ops: u64,
    /// Host dead letters written.
    pub dead: u64,
    /// Lowest mark by source over all partitions, after this unit.
    pub cursors: Vec<(Source, i64)>,
    /// Accounts whose visibility changed, so that [`super::Store::redo_step`] has work.
    pub redo: bool,
}

/// Where the partitions stand.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    /// By partition number.
    pub partitions: Vec<PartitionHead>,
}

/// Where one partition stands.
#[derive(Clone, Debug, Default)]
pub struct PartitionHead {
    /// Its last pos; 0 when empty.
    pub pos: Pos,
    /// Last committed mark of each source.
    pub marks: BTreeMap<Source, i64>,
}

/// One record as the archive holds it.
#[derive(Clone, Debug)]
pub struct RecordRow {
    /// Its key.
    pub rkey: RecordKey,
    /// Its content's CID.
    pub cid: Cid,
    /// The commit that set it.
    pub rev: Tid,
    /// When this version was first seen, microseconds since 1970.
    pub seen_us: i64,
    /// DAG-CBOR.
    pub body: Bytes,
}

/// A page of records.
#[derive(Clone, Debug, Default)]
pub struct RepoPage {
    /// In the order asked for.
    pub records: Vec<RecordRow>,
    /// Whether there is more after the last one.
    pub more: bool,
}

/// One step of sending an account's records through the feed again.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedoStep {
    /// Whether there is more to do.
    pub more: bool,
    /// The partition and the new pos that records were moved to.
    pub moved: Option<(Partition, Pos)>,
}
