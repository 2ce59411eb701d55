//! The store of a small server: one SQLite file.
//!
//! Guarantees: what [`super::Store`] says. One connection writes (`writer.rs`), a few read their own snapshots; a
//! crash at any moment leaves the last group that was committed.

mod archive;
mod bulk;
mod connection;
mod counts;
mod dead;
mod feed;
mod generation;
mod intern;
mod migrate;
mod plan;
mod read;
mod records;
mod redo;
mod rows;
mod schema;
mod tombstones;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{
    Applied, ArchiveUnit, Archived, DeadLetter, FeedBatch, FeedLimit, Generation, GenerationId,
    Heads, IndexUnit, PartitionHead, Pos, ReadSession, RecordRow, RedoStep, Registration, RepoPage,
    Store, StoreError, Wants,
};
use crate::atproto::{AtUri, Did, Nsid, RecordKey};
use crate::clock::Clock;
use crate::entry::{Partition, Source};
use read::{Reads, SqliteReadSession};
use writer::{Job, Writer, WriterHandle};

/// How a SQLite store is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file; made when missing. Its log lies beside it.
    pub path: PathBuf,
    /// For a new store; an existing one keeps the number it was made with.
    pub partitions: u16,
    /// Times of registrations.
    pub clock: Clock,
}

/// A store in one SQLite file.
pub struct SqliteStore {
    partitions: u16,
    clock: Clock,
    readers: SqlitePool,
    /// Compiled reads of the generations that registered since the start.
    reads: std::sync::Mutex<HashMap<GenerationId, Arc<Reads>>>,
    writer: Mutex<Option<WriterHandle>>,
    task: Mutex<Option<JoinHandle<SqliteConnection>>>,
}

impl SqliteStore {
    /// Opens or makes a store.
    ///
    /// # Errors
    /// When the file cannot be used, or was written by a newer version.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let mut db = connection::open_writer(&options.path)
            .await
            .map_err(|e| cannot_open(&options.path, &e))?;
        migrate::run(&mut db).await?;
        let partitions = partitions(&mut db, options.partitions).await?;
        let readers = connection::open_readers(&options.path)
            .await
            .map_err(|e| cannot_open(&options.path, &e))?;
        let (writer, task) = Writer::start(db, partitions).await?;
        Ok(Self {
            partitions,
            clock: options.clock,
            readers,
            reads: std::sync::Mutex::default(),
            writer: Mutex::new(Some(writer)),
            task: Mutex::new(Some(task)),
        })
    }

    fn reads(&self) -> std::sync::MutexGuard<'_, HashMap<GenerationId, Arc<Reads>>> {
        self.reads
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn ask<T>(&self, job: impl FnOnce(writer::Reply<T>) -> Job) -> Result<T, StoreError> {
        let writer = self.writer.lock().await.clone().ok_or(StoreError::Closed)?;
        writer.ask(job).await
    }
}

fn cannot_open(path: &Path, error: &sqlx::Error) -> StoreError {
    StoreError::Corrupt(format!("cannot open {}: {error}", path.display()))
}

/// Fixes the number of partitions of a new store, or reads it.
async fn partitions(db: &mut SqliteConnection, wanted: u16) -> Result<u16, StoreError> {
    let existing: i64 = sqlx::query("select count(*) from partition")
        .fetch_one(&mut *db)
        .await?
        .get(0);
    if existing > 0 {
        return u16::try_from(existing).map_err(|_| {
            StoreError::Corrupt(format!(
                "it has {existing} partitions, at most 65,535 are possible"
            ))
        });
    }
    let wanted = wanted.max(1);
    for part in 0..wanted {
        sqlx::query("insert into partition (part) values (?1)")
            .bind(i64::from(part))
            .execute(&mut *db)
            .await?;
    }
    Ok(wanted)
}

#[async_trait]
impl Store for SqliteStore {
    fn partitions(&self) -> u16 {
        self.partitions
    }

    async fn heads(&self) -> Result<Heads, StoreError> {
        let mut heads = Heads {
            partitions: vec![PartitionHead::default(); usize::from(self.partitions)],
        };
        for row in sqlx::query("select part, pos from partition")
            .fetch_all(&self.readers)
            .await?
        {
            if let Some(head) = usize::try_from(row.get::<i64, _>(0))
                .ok()
                .and_then(|p| heads.partitions.get_mut(p))
            {
                head.pos = row.get(1);
            }
        }
        for row in sqlx::query("select part, source, seq from mark")
            .fetch_all(&self.readers)
            .await?
        {
            if let Some(head) = usize::try_from(row.get::<i64, _>(0))
                .ok()
                .and_then(|p| heads.partitions.get_mut(p))
            {
                head.marks
                    .insert(Source(row.get::<&str, _>(1).into()), row.get(2));
            }
        }
        Ok(heads)
    }

    async fn saved_cursor(&self, source: &Source) -> Result<Option<i64>, StoreError> {
        let heads = self.heads().await?;
        // A partition without a mark has committed nothing of this source.
        Ok(heads
            .partitions
            .iter()
            .map(|p| p.marks.get(source).copied())
            .min()
            .flatten())
    }

    async fn archive(&self, unit: ArchiveUnit) -> Result<Archived, StoreError> {
        self.ask(|reply| Job::Archive(unit, reply)).await
    }

    async fn redo_step(&self) -> Result<RedoStep, StoreError> {
        self.ask(Job::Redo).await
    }

    async fn changes_after(
        &self,
        partition: Partition,
        after: Pos,
        wants: Wants<'_>,
        limit: FeedLimit,
    ) -> Result<FeedBatch, StoreError> {
        feed::changes_after(&self.readers, partition, after, wants, limit).await
    }

    async fn register(&self, registration: Registration) -> Result<Generation, StoreError> {
        let now_us = self.clock.now_us();
        let (generation, reads) = self
            .ask(|reply| Job::Register(Box::new(registration), now_us, reply))
            .await?;
        self.reads().insert(generation.id, Arc::new(reads));
        Ok(generation)
    }

    async fn index(&self, unit: Arc<IndexUnit>) -> Result<Applied, StoreError> {
        self.ask(|reply| Job::Index(unit, reply)).await
    }

    async fn positions(&self, generation: GenerationId) -> Result<Vec<Pos>, StoreError> {
        let mut db = self.readers.acquire().await?;
        generation::positions(&mut db, generation).await
    }

    async fn dead_letters(
        &self,
        generation: GenerationId,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let mut db = self.readers.acquire().await?;
        dead::list(&mut db, generation, limit).await
    }

    async fn read(&self, generation: GenerationId) -> Result<Box<dyn ReadSession>, StoreError> {
        let reads = self.reads().get(&generation).cloned().ok_or_else(|| {
            StoreError::Refused(format!("generation {generation} is not registered"))
        })?;
        let session = SqliteReadSession::new(self.readers.clone(), reads);
        Ok(Box::new(session))
    }

    async fn get_record(&self, uri: &AtUri) -> Result<Option<RecordRow>, StoreError> {
        records::get(&self.readers, uri).await
    }

    async fn list_records(
        &self,
        did: &Did,
        collection: &Nsid,
        after: Option<&RecordKey>,
        reverse: bool,
        limit: usize,
    ) -> Result<Option<RepoPage>, StoreError> {
        records::list(&self.readers, did, collection, after, reverse, limit).await
    }

    async fn trim_tombstones(&self, before_us: i64) -> Result<u64, StoreError> {
        self.ask(|reply| Job::TrimTombstones(before_us, reply))
            .await
    }

    async fn close(&self) {
        // With the last handle gone the writer finishes what is queued and ends.
        self.writer.lock().await.take();
        let task = self.task.lock().await.take();
        self.readers.close().await;
        if let Some(task) = task
            && let Ok(db) = task.await
        {
            writer::close(db).await;
        }
    }
}
