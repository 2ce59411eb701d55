//! A store whose reads wait out passing trouble: for ingest and index, which have nobody to tell "not now".
//!
//! Guarantees: a read of the host's own tables is asked again, with growing waits, until it is answered, fails for
//! another reason, or is abandoned. What writes is passed on as it is: whoever writes counts the tries, for a write
//! without an answer may have been done. So are the reads of serving, which answers 503 instead of waiting.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::retry::until_done;
use super::{
    AccountRow, Applied, ArchiveUnit, Archived, ArchivedRecord, BackfillJob, BrokenRepo,
    DeadLetter, FeedBatch, FeedLimit, Generation, GenerationId, Heads, IndexUnit, Pos, ReadSession,
    RecordRow, RedoStep, Registration, RepoCounts, RepoPage, RepoState, Store, StoreError, Wants,
};
use crate::atproto::{AtUri, Did, Nsid, RecordKey};
use crate::entry::{Partition, Source};

/// See the module.
pub struct Patient {
    inner: Arc<dyn Store>,
    abandon: CancellationToken,
}

impl Patient {
    /// `abandon`: ends all waiting, with [`StoreError::Closed`].
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, abandon: CancellationToken) -> Self {
        Self { inner, abandon }
    }
}

/// Methods that are asked again, and those that are not.
macro_rules! delegate {
    (
        again { $(fn $again:ident($($a:ident: $at:ty),*) -> $again_out:ty;)+ }
        once { $(fn $once:ident($($b:ident: $bt:ty),*) -> $once_out:ty;)+ }
    ) => {
        #[async_trait]
        impl Store for Patient {
            fn partitions(&self) -> u16 {
                self.inner.partitions()
            }
            $(
                async fn $again(&self, $($a: $at),*) -> Result<$again_out, StoreError> {
                    until_done(stringify!($again), &self.abandon, || self.inner.$again($($a),*)).await
                }
            )+
            $(
                async fn $once(&self, $($b: $bt),*) -> Result<$once_out, StoreError> {
                    self.inner.$once($($b),*).await
                }
            )+
            async fn close(&self) {
                self.inner.close().await;
            }
        }
    };
}

delegate! {
    again {
        fn heads() -> Heads;
        fn saved_cursor(source: &Source) -> Option<i64>;
        fn open_epoch() -> i64;
        fn repo_states(dids: &[Did]) -> Vec<Option<RepoState>>;
        fn followed(after: i64, limit: usize) -> Vec<(i64, Did)>;
        fn broken_repos(after: i64, limit: usize) -> Vec<(i64, BrokenRepo)>;
        fn repo_counts() -> RepoCounts;
        fn archived_collections(did: &Did) -> Vec<Nsid>;
        fn archived_records(
            did: &Did,
            collection: &Nsid,
            after: Option<&RecordKey>,
            limit: usize
        ) -> Vec<ArchivedRecord>;
        fn account(did: &Did) -> Option<AccountRow>;
        fn deleted_accounts(after: i64, limit: usize) -> Vec<(i64, AccountRow)>;
        fn backfill_jobs() -> Vec<BackfillJob>;
        fn changes_after(
            partition: Partition,
            after: Pos,
            wants: Wants<'_>,
            limit: FeedLimit
        ) -> FeedBatch;
        fn positions(generation: GenerationId) -> Vec<Pos>;
    }
    once {
        fn own(stop: &CancellationToken) -> bool;
        fn announce(roles: &str, address: &str) -> ();
        fn archive(unit: ArchiveUnit) -> Archived;
        fn redo_step() -> RedoStep;
        fn erase_step() -> RedoStep;
        fn register(registration: Registration) -> Generation;
        fn index(unit: Arc<IndexUnit>) -> Applied;
        fn dead_letters(generation: GenerationId, limit: usize) -> Vec<DeadLetter>;
        fn read(generation: GenerationId) -> Box<dyn ReadSession>;
        fn get_record(uri: &AtUri) -> Option<RecordRow>;
        fn list_records(
            did: &Did,
            collection: &Nsid,
            after: Option<&RecordKey>,
            reverse: bool,
            limit: usize
        ) -> Option<RepoPage>;
        fn trim_tombstones(before_us: i64) -> u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::partial::{Partial, PartialStore};
    use super::*;

    #[derive(Default)]
    struct Flaky(AtomicU32);

    impl Flaky {
        fn answer(&self) -> Result<(), StoreError> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Err(StoreError::Unavailable("not now".into())),
                _ => Ok(()),
            }
        }
    }

    #[async_trait]
    impl PartialStore for Flaky {
        async fn repo_counts(&self) -> Result<RepoCounts, StoreError> {
            self.answer().map(|()| RepoCounts::default())
        }
        async fn redo_step(&self) -> Result<RedoStep, StoreError> {
            self.answer().map(|()| RedoStep::default())
        }
    }

    #[tokio::test]
    async fn reads_are_asked_again_and_writes_are_not() {
        let abandon = CancellationToken::new();
        let store = Patient::new(Arc::new(Partial(Flaky::default())), abandon.clone());
        assert!(store.repo_counts().await.is_ok());
        let store = Patient::new(Arc::new(Partial(Flaky::default())), abandon.clone());
        let once = store.redo_step().await;
        assert!(matches!(once, Err(StoreError::Unavailable(_))));
        // Abandoned, nobody waits any more.
        let store = Patient::new(Arc::new(Partial(Flaky::default())), abandon.clone());
        abandon.cancel();
        assert!(matches!(store.repo_counts().await, Err(StoreError::Closed)));
    }
}
