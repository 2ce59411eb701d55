//! The one writer: a task that owns the write connection and takes units through a bounded channel.
//!
//! Guarantees: a unit is applied whole or not at all, in a savepoint of its own; answers come after the commit. Units
//! that wait are committed together, the host's first, so that neither plugins nor a slow disk hold the archive back.
//! Trouble of the database (busy, full, I/O) undoes the whole group: everybody is told `Unavailable` and the
//! writer's memory is read anew.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::archive::{self, ArchiveState};
use super::generation;
use super::intern::Interner;
use super::read::Reads;
use super::schema::GenerationTables;
use super::{redo, rows, tombstones};
use crate::store::{
    Applied, ArchiveUnit, Archived, Generation, GenerationId, IndexUnit, RedoStep, Registration,
    StoreError,
};

/// Units that may wait for the writer.
const WAITING_MAX: usize = 64;
/// Units committed together at most: a group is over in some tens of milliseconds.
const GROUP_MAX: usize = 16;

/// What the writer is asked to do.
pub(super) enum Job {
    Archive(ArchiveUnit, Reply<Archived>),
    Redo(Reply<RedoStep>),
    Index(Arc<IndexUnit>, Reply<Applied>),
    Register(Box<Registration>, i64, Reply<(Generation, Reads)>),
    TrimTombstones(i64, Reply<u64>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

impl Job {
    /// Host first, then plugins in the order they came, housekeeping last.
    fn rank(&self) -> u8 {
        match self {
            Self::Archive(..) | Self::Redo(_) => 0,
            Self::Index(..) => 1,
            Self::Register(..) => 2,
            Self::TrimTombstones(..) => 3,
        }
    }
}

/// A job that was carried out and waits for the commit.
type Finish = Box<dyn FnOnce(Option<StoreError>) + Send>;

/// The way to the writer.
#[derive(Clone)]
pub(super) struct WriterHandle(mpsc::Sender<Job>);

impl WriterHandle {
    /// Sends a job and waits for its answer.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0
            .send(job(reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

pub(super) struct Writer {
    db: SqliteConnection,
    partitions: u16,
    intern: Interner,
    archive: ArchiveState,
    generations: HashMap<GenerationId, Arc<GenerationTables>>,
}

impl Writer {
    /// Starts the task. It ends when every handle is gone; the task then gives the connection back to be closed.
    pub(super) async fn start(
        mut db: SqliteConnection,
        partitions: u16,
    ) -> Result<(WriterHandle, tokio::task::JoinHandle<SqliteConnection>), StoreError> {
        let writer = Self {
            intern: Interner::load(&mut db).await?,
            archive: ArchiveState::load(&mut db).await?,
            db,
            partitions,
            generations: HashMap::new(),
        };
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Ok((WriterHandle(sender), tokio::spawn(writer.run(receiver))))
    }

    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> SqliteConnection {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while jobs.recv_many(&mut group, GROUP_MAX).await > 0 {
            group.sort_by_key(Job::rank);
            self.commit_group(std::mem::take(&mut group)).await;
        }
        self.db
    }

    async fn commit_group(&mut self, jobs: Vec<Job>) {
        let mut done: Vec<Finish> = Vec::with_capacity(jobs.len());
        let mut failed = execute(&mut self.db, "begin immediate").await.err();
        for job in jobs {
            done.push(self.carry_out(job, &mut failed).await);
        }
        if failed.is_none() {
            failed = execute(&mut self.db, "commit").await.err();
        }
        let Some(error) = failed else {
            done.into_iter().for_each(|finish| finish(None));
            return;
        };
        // There may be nothing to roll back: SQLite has done it by itself after some errors.
        execute(&mut self.db, "rollback").await.ok();
        self.reload().await;
        let message = error.to_string();
        for finish in done {
            finish(Some(StoreError::Unavailable(message.clone())));
        }
    }

    /// Runs one job in a savepoint. Infrastructure errors end up in `failed`; after one, nothing more is tried.
    async fn carry_out(&mut self, job: Job, failed: &mut Option<StoreError>) -> Finish {
        match job {
            Job::Archive(unit, reply) => {
                let step = async |w: &mut Self| {
                    archive::apply(&mut w.db, &mut w.intern, &mut w.archive, &unit).await
                };
                finish(self.in_savepoint(failed, step).await, reply)
            }
            Job::Redo(reply) => {
                let step = async |w: &mut Self| redo::step(&mut w.db, &mut w.archive).await;
                finish(self.in_savepoint(failed, step).await, reply)
            }
            Job::Index(unit, reply) => {
                let step = async |w: &mut Self| {
                    let tables = w.tables(unit.generation).await?;
                    rows::apply(&mut w.db, &mut w.intern, &tables, &unit).await
                };
                finish(self.in_savepoint(failed, step).await, reply)
            }
            Job::Register(registration, now_us, reply) => {
                let step = async |w: &mut Self| w.register(&registration, now_us).await;
                finish(self.in_savepoint(failed, step).await, reply)
            }
            Job::TrimTombstones(before_us, reply) => {
                let step = async |w: &mut Self| tombstones::trim(&mut w.db, before_us).await;
                finish(self.in_savepoint(failed, step).await, reply)
            }
        }
    }

    async fn in_savepoint<T>(
        &mut self,
        failed: &mut Option<StoreError>,
        step: impl AsyncFnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(error) = failed {
            return Err(StoreError::Unavailable(error.to_string()));
        }
        let result = match execute(&mut self.db, "savepoint unit").await {
            Ok(()) => step(self).await,
            Err(error) => Err(error),
        };
        let closed = match &result {
            Ok(_) => execute(&mut self.db, "release unit").await,
            Err(StoreError::Unavailable(message)) => Err(StoreError::Unavailable(message.clone())),
            Err(_) => self.undo_unit().await,
        };
        match closed {
            Ok(()) => result,
            Err(error) => {
                let told = StoreError::Unavailable(error.to_string());
                failed.get_or_insert(error);
                Err(told)
            }
        }
    }

    async fn undo_unit(&mut self) -> Result<(), StoreError> {
        execute(&mut self.db, "rollback to unit").await?;
        execute(&mut self.db, "release unit").await?;
        self.intern.forget();
        self.archive = ArchiveState::load(&mut self.db).await?;
        Ok(())
    }

    /// After a rollback of everything. If even this cannot be read, the next group fails at its start and is told so.
    async fn reload(&mut self) {
        self.intern.forget();
        self.generations.clear();
        match ArchiveState::load(&mut self.db).await {
            Ok(state) => self.archive = state,
            Err(error) => {
                tracing::error!(%error, "store.reload_failed: the writer cannot read where it stands")
            }
        }
    }

    async fn register(
        &mut self,
        registration: &Registration,
        now_us: i64,
    ) -> Result<(Generation, Reads), StoreError> {
        let made =
            generation::register(&mut self.db, self.partitions, registration, now_us).await?;
        self.generations
            .insert(made.generation.id, Arc::new(made.tables));
        Ok((made.generation, made.reads))
    }

    async fn tables(&mut self, id: GenerationId) -> Result<Arc<GenerationTables>, StoreError> {
        if let Some(tables) = self.generations.get(&id) {
            return Ok(Arc::clone(tables));
        }
        let tables = Arc::new(generation::load(&mut self.db, id).await?);
        self.generations.insert(id, Arc::clone(&tables));
        Ok(tables)
    }
}

/// Binds a result to its reply. Called with the group's error when the commit did not happen.
fn finish<T: Send + 'static>(result: Result<T, StoreError>, reply: Reply<T>) -> Finish {
    Box::new(move |undone| {
        let answer = match (result, undone) {
            (Ok(_), Some(error)) => Err(error),
            (result, _) => result,
        };
        // A caller that went away does not need the answer.
        reply.send(answer).ok();
    })
}

async fn execute(db: &mut SqliteConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::query(sql).execute(db).await?;
    Ok(())
}

/// Moves the log into the file and closes the connection.
pub(super) async fn close(mut db: SqliteConnection) {
    if let Err(error) = execute(&mut db, "pragma wal_checkpoint(truncate)").await {
        tracing::warn!(%error, "store.checkpoint_failed: the log stays beside the file; the next start reads it");
    }
    db.close().await.ok();
}
