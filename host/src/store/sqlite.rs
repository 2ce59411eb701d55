//! The embedded backend: one SQLite file, one writer, several readers.
//!
//! Guarantees what [`Store`] does. One process owns a file at a time: a second one is refused. Reads go through their
//! own connections and see what was committed when they started; everything that writes is a unit of the one writer.

mod accounts;
mod archive;
mod backfill;
mod bulk;
mod connection;
mod dead;
mod epoch;
mod feed;
mod generation;
mod intern;
mod judge;
mod memory;
mod migrate;
mod overview;
mod owner;
mod partitions;
mod plan;
#[cfg(test)]
mod planned;
mod read;
mod records;
mod repos;
mod rows;
mod schema;
mod snapshot;
mod standing;
mod steps;
mod trim;
mod writer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Sqlite, SqlitePool};

pub(in crate::store) use self::connection::open_looking;
pub(in crate::store) use self::judge::judge;
pub use self::overview::overview;
#[cfg(test)]
pub(in crate::store) use self::read::fixture;
use self::read::{Reads, SqliteReadSession};
use self::writer::{Unit, Writer, WriterOptions};
use super::Store;
use super::archive::{
    AccountRow, ArchiveUnit, Archived, ArchivedRecord, BackfillJob, BrokenRepo, Heads, RecordRow,
    RedoStep, RepoCounts, RepoPage, RepoState,
};
use super::archiving::standing::Standing;
use super::error::StoreError;
use super::feed::{FeedBatch, FeedLimit, Pos, Wants};
use super::read::ReadSession;
use super::rows::{Applied, DeadLetter, Generation, GenerationId, IndexUnit, Registration};
use crate::atproto::{AtUri, Did, Nsid, RecordKey};
use crate::clock::Clock;
use crate::entry::{Partition, Source};
use crate::limits;

/// How a SQLite store is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file; made when missing. Its folder must exist.
    pub path: PathBuf,
    /// How many partitions it has; fixed when the file is made.
    pub partitions: u16,
    /// Times of registrations and erasures.
    pub clock: Clock,
}

/// A [`Store`] in one SQLite file.
pub struct SqliteStore {
    partitions: u16,
    clock: Clock,
    writer: Writer,
    readers: SqlitePool,
    /// Compiled reads of the generations that registered since the start.
    reads: RwLock<HashMap<GenerationId, Arc<Reads>>>,
}

impl SqliteStore {
    /// Opens a file, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// When another process owns the file, it is not ours, was made with another number of partitions, or the
    /// system refuses.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        Self::open_bounded(options, None).await
    }

    /// As [`SqliteStore::open`], with a bound on the file (bytes). Full, writing is [`StoreError::Unavailable`] and
    /// nothing is lost.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn open_bounded(
        options: SqliteOptions,
        bytes_max: Option<u64>,
    ) -> Result<Self, StoreError> {
        if options.partitions == 0 {
            return Err(StoreError::Refused(
                "expected at least one partition".into(),
            ));
        }
        // The owner before us may be on its way out.
        let patience = Duration::from_millis(limits::SQLITE_OWNER_MS_MAX);
        let lock = owner::lock(&options.path, patience).await?;
        let writer = WriterOptions {
            path: options.path.clone(),
            partitions: options.partitions,
            bytes_max,
        };
        let mut c = writer.open().await?;
        migrate::run(&mut c).await?;
        partitions::settle(&mut c, options.partitions).await?;
        let readers = connection::open_readers(&options.path, limits::SQLITE_READERS).await?;
        Ok(Self {
            partitions: options.partitions,
            clock: options.clock,
            writer: Writer::start(writer, c, lock),
            readers,
            reads: RwLock::default(),
        })
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// One snapshot of heads and marks.
    async fn standing(&self) -> Result<Standing, StoreError> {
        let mut c = self.reader().await?;
        let mut snapshot = c.begin().await?;
        Ok(standing::load(&mut snapshot, self.partitions).await?)
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn partitions(&self) -> u16 {
        self.partitions
    }

    async fn heads(&self) -> Result<Heads, StoreError> {
        Ok(self.standing().await?.heads())
    }

    async fn saved_cursor(&self, source: &Source) -> Result<Option<i64>, StoreError> {
        Ok(self.standing().await?.lowest(source))
    }

    async fn open_epoch(&self) -> Result<i64, StoreError> {
        self.writer.host(Unit::Epoch).await
    }

    async fn archive(&self, unit: ArchiveUnit) -> Result<Archived, StoreError> {
        self.writer.host(|answer| Unit::Archive(unit, answer)).await
    }

    async fn redo_step(&self) -> Result<RedoStep, StoreError> {
        self.writer.host(Unit::Redo).await
    }

    async fn erase_step(&self) -> Result<RedoStep, StoreError> {
        let now_us = self.clock.now_us();
        self.writer.host(|answer| Unit::Erase(now_us, answer)).await
    }

    async fn repo_states(&self, dids: &[Did]) -> Result<Vec<Option<RepoState>>, StoreError> {
        repos::states(&mut *self.reader().await?, dids).await
    }

    async fn followed(&self, after: i64, limit: usize) -> Result<Vec<(i64, Did)>, StoreError> {
        repos::followed(&mut *self.reader().await?, after, limit).await
    }

    async fn broken_repos(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, BrokenRepo)>, StoreError> {
        repos::broken(&mut *self.reader().await?, after, limit).await
    }

    async fn repo_counts(&self) -> Result<RepoCounts, StoreError> {
        repos::counts(&mut *self.reader().await?).await
    }

    async fn archived_collections(&self, did: &Did) -> Result<Vec<Nsid>, StoreError> {
        snapshot::collections(&mut *self.reader().await?, did).await
    }

    async fn archived_records(
        &self,
        did: &Did,
        collection: &Nsid,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<ArchivedRecord>, StoreError> {
        let mut c = self.reader().await?;
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
        accounts::deleted(&mut *self.reader().await?, after, limit).await
    }

    async fn backfill_jobs(&self) -> Result<Vec<BackfillJob>, StoreError> {
        backfill::jobs(&mut *self.reader().await?).await
    }

    async fn changes_after(
        &self,
        partition: Partition,
        after: Pos,
        wants: Wants<'_>,
        limit: FeedLimit,
    ) -> Result<FeedBatch, StoreError> {
        let mut c = self.reader().await?;
        feed::changes_after(&mut c, partition, after, wants, limit).await
    }

    async fn register(&self, registration: Registration) -> Result<Generation, StoreError> {
        let now_us = self.clock.now_us();
        let (generation, reads) = self
            .writer
            .host(|answer| Unit::Register(registration, now_us, answer))
            .await?;
        self.reads
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(generation.id, Arc::new(reads));
        Ok(generation)
    }

    async fn index(&self, unit: Arc<IndexUnit>) -> Result<Applied, StoreError> {
        self.writer.plugin(|answer| Unit::Index(unit, answer)).await
    }

    async fn positions(&self, generation: GenerationId) -> Result<Vec<Pos>, StoreError> {
        generation::positions(&mut *self.reader().await?, generation).await
    }

    async fn dead_letters(
        &self,
        generation: GenerationId,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        dead::list(&mut *self.reader().await?, generation, limit).await
    }

    async fn read(&self, generation: GenerationId) -> Result<Box<dyn ReadSession>, StoreError> {
        let known = {
            let reads = self.reads.read().unwrap_or_else(PoisonError::into_inner);
            reads.get(&generation).cloned()
        };
        let reads = known.ok_or_else(|| {
            StoreError::Refused(format!("generation {generation} is not registered"))
        })?;
        Ok(Box::new(SqliteReadSession::new(
            self.readers.clone(),
            reads,
        )))
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
            let freed = self
                .writer
                .host(|answer| Unit::Trim(before_us, answer))
                .await?;
            all += freed;
            if freed < limits::TRIM_ROWS_PER_STEP {
                return Ok(all);
            }
        }
    }

    async fn close(&self) {
        let patience = Duration::from_millis(limits::SQLITE_BUSY_MS_MAX);
        let closing = async {
            // Readers first: the last checkpoint can only empty the log when nobody reads it.
            if tokio::time::timeout(patience, self.readers.close())
                .await
                .is_err()
            {
                tracing::warn!("a read was still open at close");
            }
        };
        closing.await;
        self.writer.close().await;
    }
}
