//! Where everything durable lives: the archive with its change feed, accounts, positions, plugin tables, counts,
//! dead letters; and the one gate through which a plugin's SQL reads them.
//!
//! Guarantees:
//! - an [`ArchiveUnit`] is applied whole or not at all: records, repo state, accounts, marks and `pos` together;
//! - an [`IndexUnit`] is applied whole or not at all, its positions by compare-and-set;
//! - rows of hidden accounts are never read, whatever the SQL;
//! - a read sees one snapshot.
//!
//! Does not decide what is indexed, and calls nobody: `ingest`, `index` and `serve` meet here.

pub mod archive;
mod archiving;
pub mod error;
pub mod feed;
pub mod gate;
mod indexing;
pub mod moving;
pub mod overview;
pub mod partial;
pub mod patient;
pub mod postgres;
pub mod read;
mod reading;
pub(crate) mod retry;
pub mod rows;
pub mod sqlite;
#[cfg(test)]
mod trial;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use archive::{
    AccountRow, ArchiveUnit, Archived, ArchivedRecord, BackfillJob, BrokenRepo, Heads,
    PartitionHead, RecordRow, RedoStep, RepoCounts, RepoPage, RepoState, RepoStatus,
};
pub use error::StoreError;
pub use feed::{Change, ChangeState, Feed, FeedBatch, FeedLimit, Pos, Wants};
pub use read::{Param, ReadPage, ReadSession};
pub use rows::{
    Advance, Applied, DeadLetter, DeadReason, Effect, Generation, GenerationId, IndexUnit, Put,
    Registration, Value,
};

use crate::atproto::{AtUri, Did, Nsid, RecordKey};
use crate::entry::{Partition, Source};

/// The durable side of a host. One implementation for each backend, with one behaviour.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// How many partitions this store was created with.
    fn partitions(&self) -> u16;

    /// Waits until this host may write: [`Store::archive`], [`Store::index`], [`Store::redo_step`],
    /// [`Store::erase_step`] and [`Store::trim_tombstones`] are refused before. `false`: told to stop first. A store of
    /// one process is its own from the start.
    async fn own(&self, _stop: &CancellationToken) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Says that this host is there, for [`overview`]: what it does and where it answers. A store of one process has
    /// nobody to tell.
    async fn announce(&self, _roles: &str, _address: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Where each partition stands.
    async fn heads(&self) -> Result<Heads, StoreError>;

    /// The lowest mark of a source over all partitions: nothing after it is durable for sure.
    async fn saved_cursor(&self, source: &Source) -> Result<Option<i64>, StoreError>;

    /// Begins a new life of the queue: raises its number by one, for good, and gives it. Of two hosts that opened one,
    /// the later has the greater number.
    async fn open_epoch(&self) -> Result<i64, StoreError>;

    /// Applies entries in order, in one transaction.
    async fn archive(&self, unit: ArchiveUnit) -> Result<Archived, StoreError>;

    /// One step of pending `redo` work (accounts that changed visibility): moves up to
    /// [`crate::limits::REDO_RECORDS_PER_STEP`] records to a new pos.
    async fn redo_step(&self) -> Result<RedoStep, StoreError>;

    /// One step of pending erasures (accounts whose deletion was confirmed): turns up to
    /// [`crate::limits::REDO_RECORDS_PER_STEP`] records into tombstones at a new pos, so that every consumer lets go
    /// of them; the last step removes what is left of the account outside the archive.
    async fn erase_step(&self) -> Result<RedoStep, StoreError>;

    /// Where the chains of these repositories stand, in the order asked for; `None` for those that are not followed.
    async fn repo_states(&self, dids: &[Did]) -> Result<Vec<Option<RepoState>>, StoreError>;

    /// A page of the followed repositories by their number in this store, `after` excluded: start with 0.
    async fn followed(&self, after: i64, limit: usize) -> Result<Vec<(i64, Did)>, StoreError>;

    /// A page of the repositories of active accounts that are not synchronized, by their number in this store, `after`
    /// excluded.
    async fn broken_repos(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, BrokenRepo)>, StoreError>;

    /// How many followed repositories are in which state.
    async fn repo_counts(&self) -> Result<RepoCounts, StoreError>;

    /// The collections of which the archive has live records of an account, hidden or not.
    async fn archived_collections(&self, did: &Did) -> Result<Vec<Nsid>, StoreError>;

    /// A page of an account's live records of a collection by record key in byte order, `after` excluded, hidden or
    /// not.
    async fn archived_records(
        &self,
        did: &Did,
        collection: &Nsid,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<ArchivedRecord>, StoreError>;

    /// What upstream told of an account; `None` when it never did.
    async fn account(&self, did: &Did) -> Result<Option<AccountRow>, StoreError>;

    /// A page of the accounts that upstream calls deleted, of which something is here and that are not erased, by their
    /// number in this store.
    async fn deleted_accounts(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, AccountRow)>, StoreError>;

    /// Every backfill that was ever begun.
    async fn backfill_jobs(&self) -> Result<Vec<BackfillJob>, StoreError>;

    /// Changes of one partition after `after`, never cut inside a pos: the latest state of each record only.
    /// `through` in the answer is the last pos that the answer covers, also when nothing in it was wanted.
    async fn changes_after(
        &self,
        partition: Partition,
        after: Pos,
        wants: Wants<'_>,
        limit: FeedLimit,
    ) -> Result<FeedBatch, StoreError>;

    /// Makes a plugin's tables and views, checks and plans its reads, and gives its generation. The same
    /// [`Registration`] again gives the same generation, with its positions.
    async fn register(&self, registration: Registration) -> Result<Generation, StoreError>;

    /// Applies a plugin's effects and moves its positions, in one transaction.
    async fn index(&self, unit: Arc<IndexUnit>) -> Result<Applied, StoreError>;

    /// A generation's position in each partition.
    async fn positions(&self, generation: GenerationId) -> Result<Vec<Pos>, StoreError>;

    /// A generation's dead letters, newest first. Generation 0 is the host itself.
    async fn dead_letters(
        &self,
        generation: GenerationId,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// Starts a read snapshot over one generation's tables.
    async fn read(&self, generation: GenerationId) -> Result<Box<dyn ReadSession>, StoreError>;

    /// One visible record.
    async fn get_record(&self, uri: &AtUri) -> Result<Option<RecordRow>, StoreError>;

    /// A page of one repository's visible records of a collection by record key, `after` excluded; ascending when
    /// `reverse`, as `com.atproto.repo.listRecords` has it. `None` when the account is hidden.
    async fn list_records(
        &self,
        did: &Did,
        collection: &Nsid,
        after: Option<&RecordKey>,
        reverse: bool,
        limit: usize,
    ) -> Result<Option<RepoPage>, StoreError>;

    /// Frees tombstones that every generation has passed and that are older than `before_us`. Returns how many.
    async fn trim_tombstones(&self, before_us: i64) -> Result<u64, StoreError>;

    /// Finishes what is queued and closes the files.
    async fn close(&self);
}
