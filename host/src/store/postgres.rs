//! The backend for many hosts: one Postgres database, in a schema of its own.
//!
//! Guarantees what [`Store`] does. Whoever writes a partition holds its lease; reads go through a pool
//! of their own, so that serving never waits for indexing nor the other way round.

mod accounts;
mod archive;
mod backfill;
mod compile_reads;
mod connection;
mod dead;
mod epoch;
mod feed;
mod generation;
mod intern;
mod lease;
mod migrate;
mod overview;
mod plan;
mod plugins;
mod read;
mod records;
mod repos;
mod role;
mod rows;
mod schema;
mod snapshot;
mod standing;
mod steps;
mod transaction;
mod trim;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio_util::sync::CancellationToken;

use self::intern::Interner;
use self::lease::Fence;
pub use self::overview::overview;
use self::plugins::Plugins;
use self::read::PostgresReadSession;
#[cfg(test)]
pub(in crate::store) use self::read::fixture;
use self::transaction::Transaction;
use super::Store;
use super::archive::{
    AccountRow, ArchiveUnit, Archived, ArchivedRecord, BackfillJob, BrokenRepo, Heads, RecordRow,
    RedoStep, RepoCounts, RepoPage, RepoState,
};
use super::archiving::standing::Standing;
use super::error::StoreError;
use super::feed::{FeedBatch, FeedLimit, Pos, Wants};
use super::moving::{self, MoveProgress, Moved};
use super::overview::HostNote;
use super::read::ReadSession;
use super::rows::{Applied, DeadLetter, Generation, GenerationId, IndexUnit, Registration};
use crate::atproto::{AtUri, Did, Nsid, RecordKey};
use crate::clock::Clock;
use crate::entry::{Partition, Source};
use crate::limits;

/// How a Postgres store is opened.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, without a schema.
    pub url: String,
    /// The schema of the host's tables; made when missing. Schemas and roles of plugins begin with its name.
    pub schema: String,
    /// How many partitions it has; fixed when the schema is made.
    pub partitions: u16,
    /// Times of registrations and erasures.
    pub clock: Clock,
}

/// A [`Store`] in a schema of a Postgres database.
pub struct PostgresStore {
    partitions: u16,
    clock: Clock,
    /// `aviary`, or what the settings say.
    schema: String,
    /// Everything that writes, and the reads of ingest and index.
    writers: PgPool,
    /// Reads of serving: read-only, with a statement timeout.
    readers: PgPool,
    /// Ids that are committed.
    intern: Interner,
    /// Whether this host may write.
    fence: Arc<Fence>,
    /// What registered.
    plugins: Plugins,
}

impl PostgresStore {
    /// Connects, makes the schema or brings it up to date.
    ///
    /// # Errors
    /// When the server does not answer, the schema is of a newer Aviary, or was made with another number of partitions.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        if options.partitions == 0 {
            return Err(StoreError::Refused(
                "expected at least one partition".into(),
            ));
        }
        let (writers, readers) = connection::open(&options.url, &options.schema).await?;
        let mut c = writers.acquire().await?;
        migrate::run(&mut c, &options.schema, options.partitions).await?;
        drop(c);
        Ok(Self {
            partitions: options.partitions,
            clock: options.clock,
            schema: options.schema,
            writers,
            readers,
            intern: Interner::new(),
            fence: Arc::new(Fence::new()),
            plugins: Plugins::default(),
        })
    }

    /// A transaction that may write.
    async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::begin(&self.writers, &self.fence, &self.intern).await
    }

    /// For the reads of ingest and index: serving does not wait for them.
    async fn host(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        Ok(self.writers.acquire().await?)
    }

    /// For reads that somebody outside waits for.
    async fn reader(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// One snapshot of heads and marks.
    async fn standing(&self) -> Result<Standing, StoreError> {
        standing::load(&mut *self.host().await?, self.partitions).await
    }

    /// Takes over everything that a SQLite file holds: see [`crate::store::moving`]. This host must own the store, and
    /// nobody may have the file open.
    ///
    /// # Errors
    /// When a side does not answer, or the database holds what did not come from this file.
    pub async fn take_over(
        &self,
        file: &Path,
        progress: &(dyn Fn(MoveProgress) + Send + Sync),
    ) -> Result<Vec<Moved>, StoreError> {
        moving::run(file, &self.writers, progress).await
    }

    /// Waits for what is under way and closes the connections.
    async fn close_pools(&self) {
        self.fence.release(&self.writers).await;
        let patience = Duration::from_millis(limits::POSTGRES_ACQUIRE_MS_MAX);
        let closing = async { tokio::join!(self.readers.close(), self.writers.close()) };
        if tokio::time::timeout(patience, closing).await.is_err() {
            tracing::warn!("a statement was still under way at close; the server undoes it");
        }
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Nobody can write through it any more: its leases end by themselves.
        self.fence.let_go();
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.schema)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn partitions(&self) -> u16 {
        self.partitions
    }

    async fn own(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        self.fence.own(&self.writers, stop).await
    }

    async fn announce(&self, roles: &str, address: &str) -> Result<(), StoreError> {
        let note = HostNote {
            name: self.fence.host().to_owned(),
            roles: roles.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: address.to_owned(),
            ..HostNote::default()
        };
        overview::announce(&self.writers, &note).await
    }

    async fn open_epoch(&self) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        let epoch = epoch::open(&mut tx, self.partitions).await?;
        tx.commit().await?;
        Ok(epoch)
    }

    async fn heads(&self) -> Result<Heads, StoreError> {
        Ok(self.standing().await?.heads())
    }

    async fn saved_cursor(&self, source: &Source) -> Result<Option<i64>, StoreError> {
        Ok(self.standing().await?.lowest(source))
    }

    async fn archive(&self, unit: ArchiveUnit) -> Result<Archived, StoreError> {
        let mut tx = self.begin().await?;
        let archived = archive::apply(&mut tx, self.partitions, &unit).await?;
        tx.commit().await?;
        Ok(archived)
    }

    async fn redo_step(&self) -> Result<RedoStep, StoreError> {
        let mut tx = self.begin().await?;
        let step = steps::redo(&mut tx, self.partitions).await?;
        tx.commit().await?;
        Ok(step)
    }

    async fn erase_step(&self) -> Result<RedoStep, StoreError> {
        let mut tx = self.begin().await?;
        let step = steps::erase(&mut tx, self.partitions, self.clock.now_us()).await?;
        tx.commit().await?;
        Ok(step)
    }

    async fn repo_states(&self, dids: &[Did]) -> Result<Vec<Option<RepoState>>, StoreError> {
        repos::states(&mut *self.host().await?, dids).await
    }

    async fn followed(&self, after: i64, limit: usize) -> Result<Vec<(i64, Did)>, StoreError> {
        repos::followed(&mut *self.host().await?, after, limit).await
    }

    async fn broken_repos(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, BrokenRepo)>, StoreError> {
        repos::broken(&mut *self.host().await?, after, limit).await
    }

    async fn repo_counts(&self) -> Result<RepoCounts, StoreError> {
        repos::counts(&mut *self.host().await?).await
    }

    async fn archived_collections(&self, did: &Did) -> Result<Vec<Nsid>, StoreError> {
        snapshot::collections(&mut *self.host().await?, did).await
    }

    async fn archived_records(
        &self,
        did: &Did,
        collection: &Nsid,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<ArchivedRecord>, StoreError> {
        let mut c = self.host().await?;
        snapshot::records(&mut c, (did, collection), after, limit).await
    }

    async fn account(&self, did: &Did) -> Result<Option<AccountRow>, StoreError> {
        accounts::get(&mut *self.reader().await?, did).await
    }

    async fn deleted_accounts(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, AccountRow)>, StoreError> {
        accounts::deleted(&mut *self.host().await?, after, limit).await
    }

    async fn backfill_jobs(&self) -> Result<Vec<BackfillJob>, StoreError> {
        backfill::jobs(&mut *self.host().await?).await
    }

    async fn changes_after(
        &self,
        partition: Partition,
        after: Pos,
        wants: Wants<'_>,
        limit: FeedLimit,
    ) -> Result<FeedBatch, StoreError> {
        let mut c = self.host().await?;
        feed::changes_after(&mut c, partition, after, wants, limit).await
    }

    async fn register(&self, registration: Registration) -> Result<Generation, StoreError> {
        self.register_plugin(&registration).await
    }

    async fn index(&self, unit: Arc<IndexUnit>) -> Result<Applied, StoreError> {
        self.index_unit(&unit).await
    }

    async fn positions(&self, generation: GenerationId) -> Result<Vec<Pos>, StoreError> {
        generation::positions(&mut *self.host().await?, generation).await
    }

    async fn dead_letters(
        &self,
        generation: GenerationId,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        dead::list(&mut *self.reader().await?, generation, limit).await
    }

    async fn read(&self, generation: GenerationId) -> Result<Box<dyn ReadSession>, StoreError> {
        let (reads, tables) = self.reads_of(generation)?;
        let role = tables.names.role.clone();
        let pool = self.readers.clone();
        Ok(Box::new(PostgresReadSession::new(pool, reads, role)))
    }

    async fn get_record(&self, uri: &AtUri) -> Result<Option<RecordRow>, StoreError> {
        records::get(&mut *self.reader().await?, uri).await
    }

    async fn list_records(
        &self,
        did: &Did,
        collection: &Nsid,
        after: Option<&RecordKey>,
        reverse: bool,
        limit: usize,
    ) -> Result<Option<RepoPage>, StoreError> {
        let mut c = self.reader().await?;
        records::list(&mut c, (did, collection), after, reverse, limit).await
    }

    async fn trim_tombstones(&self, before_us: i64) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let mut tx = self.begin().await?;
            let freed = trim::step(&mut tx, self.partitions, before_us).await?;
            tx.commit().await?;
            all += freed;
            if freed < limits::TRIM_ROWS_PER_STEP {
                return Ok(all);
            }
        }
    }

    async fn close(&self) {
        self.close_pools().await;
    }
}
