//! A store of which only some methods matter, for tests: whatever is not written out says that the store is closed.
//!
//! Guarantees: a method that [`Store`] gains is missing here in one place, not in every fake. Keeps nothing.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    AccountRow, Applied, ArchiveUnit, Archived, ArchivedRecord, BackfillJob, BrokenRepo,
    DeadLetter, FeedBatch, FeedLimit, Generation, GenerationId, Heads, IndexUnit, Pos, ReadSession,
    RecordRow, RedoStep, Registration, RepoCounts, RepoPage, RepoState, Store, StoreError, Wants,
};
use crate::atproto::{AtUri, Did, Nsid, RecordKey};
use crate::entry::{Partition, Source};

/// Makes a [`Store`] of one partition of a [`PartialStore`].
#[derive(Clone, Debug, Default)]
pub struct Partial<T>(pub T);

macro_rules! methods {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)+) => {
        /// The methods of [`Store`], each with [`StoreError::Closed`] as its answer.
        #[async_trait]
        pub trait PartialStore: Send + Sync + 'static {
            $(
                #[doc = concat!("See [`Store::", stringify!($name), "`].")]
                async fn $name(&self, $($arg: $ty),*) -> Result<$out, StoreError> {
                    $(_ = $arg;)*
                    Err(StoreError::Closed)
                }
            )+
        }

        #[async_trait]
        impl<T: PartialStore> Store for Partial<T> {
            fn partitions(&self) -> u16 {
                1
            }
            $(
                async fn $name(&self, $($arg: $ty),*) -> Result<$out, StoreError> {
                    self.0.$name($($arg),*).await
                }
            )+
            async fn close(&self) {}
        }
    };
}

methods! {
    fn heads() -> Heads;
    fn saved_cursor(source: &Source) -> Option<i64>;
    fn open_epoch() -> i64;
    fn archive(unit: ArchiveUnit) -> Archived;
    fn redo_step() -> RedoStep;
    fn erase_step() -> RedoStep;
    fn repo_states(dids: &[Did]) -> Vec<Option<RepoState>>;
    fn followed(after: i64, limit: usize) -> Vec<(i64, Did)>;
    fn broken_repos(after: i64, limit: usize) -> Vec<(i64, BrokenRepo)>;
    fn repo_counts() -> RepoCounts;
    fn archived_collections(did: &Did) -> Vec<Nsid>;
    fn archived_records(did: &Did, collection: &Nsid, after: Option<&RecordKey>, limit: usize) -> Vec<ArchivedRecord>;
    fn account(did: &Did) -> Option<AccountRow>;
    fn deleted_accounts(after: i64, limit: usize) -> Vec<(i64, AccountRow)>;
    fn backfill_jobs() -> Vec<BackfillJob>;
    fn changes_after(partition: Partition, after: Pos, wants: Wants<'_>, limit: FeedLimit) -> FeedBatch;
    fn register(registration: Registration) -> Generation;
    fn index(unit: Arc<IndexUnit>) -> Applied;
    fn positions(generation: GenerationId) -> Vec<Pos>;
    fn dead_letters(generation: GenerationId, limit: usize) -> Vec<DeadLetter>;
    fn read(generation: GenerationId) -> Box<dyn ReadSession>;
    fn get_record(uri: &AtUri) -> Option<RecordRow>;
    fn list_records(did: &Did, collection: &Nsid, after: Option<&RecordKey>, reverse: bool, limit: usize) -> Option<RepoPage>;
    fn trim_tombstones(before_us: i64) -> u64;
}
