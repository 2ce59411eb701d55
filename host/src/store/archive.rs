//! The archive's shapes: what the host consumer hands in, what it learns, and what a repository read returns.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::feed::{Change, Pos};
use super::rows::Advance;
use crate::atproto::{Cid, Did, RecordKey, Tid};
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
    /// Entries dropped, because everything of their account was erased.
    pub erased: u64,
    /// Operations of new commits, and those of other entries that changed something.
    pub ops: u64,
    /// Host dead letters written.
    pub dead: u64,
    /// Lowest mark by source over all partitions, after this unit.
    pub cursors: Vec<(Source, i64)>,
    /// Accounts whose visibility changed, so that [`super::Store::redo_step`] has work.
    pub redo: bool,
    /// Accounts are to be erased, so that [`super::Store::erase_step`] has work.
    pub erase: bool,
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

/// One step of sending an account's records through the feed again, as they are or erased.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedoStep {
    /// Whether there is more to do.
    pub more: bool,
    /// The partition and the new pos that records were moved to.
    pub moved: Option<(Partition, Pos)>,
}

/// What a repository's stream and the archive agree on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RepoStatus {
    /// The archive has every wanted record up to the repository's rev.
    #[default]
    Synchronized,
    /// A hole or a failed proof was met: to be fetched whole.
    Desynchronized,
    /// Being fetched.
    Resyncing,
}

impl RepoStatus {
    /// The word shown to people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Synchronized => "synchronized",
            Self::Desynchronized => "desynchronized",
            Self::Resyncing => "resyncing",
        }
    }
}

/// Where a followed repository's chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoState {
    /// Its last revision; none before its first snapshot.
    pub rev: Option<Tid>,
    /// The tree's root at that revision, when it is known.
    pub data: Option<Cid>,
    /// Whether the archive can be relied on.
    pub status: RepoStatus,
    /// The highest revision found missing: what a snapshot has to reach.
    pub want: Option<Tid>,
    /// Whether the account is active.
    pub active: bool,
}

/// A followed repository that is not synchronized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRepo {
    /// Whose.
    pub did: Did,
    /// Its last revision; none before its first snapshot.
    pub rev: Option<Tid>,
    /// Desynchronized or resyncing.
    pub status: RepoStatus,
    /// Why, in words for an operator.
    pub reason: String,
    /// Since when, microseconds since 1970.
    pub since_us: i64,
}

/// How many repositories are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepoCounts {
    /// See [`RepoStatus::Synchronized`].
    pub synchronized: u64,
    /// See [`RepoStatus::Desynchronized`].
    pub desynchronized: u64,
    /// See [`RepoStatus::Resyncing`].
    pub resyncing: u64,
    /// Not synchronized, of accounts that are not active: nobody gives them now.
    pub inactive: u64,
}

/// A live record of a repository, as a snapshot compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRecord {
    /// Its key.
    pub rkey: RecordKey,
    /// Its content's CID.
    pub cid: Cid,
    /// The commit or snapshot that set it.
    pub rev: Tid,
    /// How far it was proven, as [`crate::entry::Trust::as_i64`].
    pub trust: i64,
}

/// What upstream told of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Whose.
    pub did: Did,
    /// Visibility follows this flag alone.
    pub active: bool,
    /// Open vocabulary.
    pub status: Option<String>,
    /// The source of the last `#account` event, and its number there.
    pub origin: Option<(Source, i64)>,
    /// Whether everything of it was erased.
    pub erased: bool,
}

/// One backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillJob {
    /// What is backfilled, see [`crate::entry::BackfillMark::job`].
    pub job: String,
    /// Where its listing goes on; none when it has not begun or has ended.
    pub cursor: Option<String>,
    /// Whether the listing came to its end.
    pub listed_all: bool,
    /// Repositories listed so far.
    pub listed: u64,
}
