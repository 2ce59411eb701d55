//! The one writer: a task that owns the write connection and applies units in groups.
//!
//! Guarantees: a group is one transaction with a savepoint for each unit; a unit that fails leaves nothing and does
//! not touch its neighbours; nobody hears of success before COMMIT. When the database itself fails (busy, I/O, full),
//! the whole group is rolled back, everybody in it gets [`StoreError::Unavailable`], and everything remembered is
//! forgotten. Host units and plugin units take turns, so neither starves the other.

mod unit;

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(super) use self::unit::Unit;
use self::unit::{Answer, Done, Failed};
use super::connection;
use super::memory::Memory;
use crate::fault::crash;
use crate::limits;
use crate::store::error::StoreError;

/// What the writer needs to open its connection again.
#[derive(Clone, Debug)]
pub(super) struct WriterOptions {
    pub(super) path: PathBuf,
    pub(super) partitions: u16,
    pub(super) bytes_max: Option<u64>,
}

impl WriterOptions {
    pub(super) async fn open(&self) -> Result<SqliteConnection, sqlx::Error> {
        let mut c = connection::open_writer(&self.path).await?;
        if let Some(bytes) = self.bytes_max {
            let pages = (bytes / u64::from(limits::SQLITE_PAGE_BYTES)).max(1);
            let sql = format!("pragma max_page_count = {pages}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut c)
                .await?;
        }
        Ok(c)
    }
}

/// The way to the writer.
pub(super) struct Writer {
    host: mpsc::Sender<Unit>,
    plugins: mpsc::Sender<Unit>,
    closing: CancellationToken,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the task. It holds `lock` until it has ended.
    pub(super) fn start(options: WriterOptions, c: SqliteConnection, lock: File) -> Self {
        let (host, host_units) = mpsc::channel(limits::SQLITE_HOST_UNITS_MAX);
        let (plugins, plugin_units) = mpsc::channel(limits::SQLITE_PLUGIN_UNITS_MAX);
        let closing = CancellationToken::new();
        let task = Task {
            memory: Memory::new(options.partitions),
            options,
            c: Some(c),
            host: host_units,
            plugins: plugin_units,
            host_was_last: false,
            closing: closing.clone(),
            _lock: lock,
        };
        Self {
            host,
            plugins,
            closing,
            task: tokio::sync::Mutex::new(Some(tokio::spawn(task.run()))),
        }
    }

    /// Has a unit of the host applied.
    pub(super) async fn host<T>(
        &self,
        unit: impl FnOnce(Answer<T>) -> Unit,
    ) -> Result<T, StoreError> {
        self.send(&self.host, unit).await
    }

    /// Has a unit of a plugin applied.
    pub(super) async fn plugin<T>(
        &self,
        unit: impl FnOnce(Answer<T>) -> Unit,
    ) -> Result<T, StoreError> {
        self.send(&self.plugins, unit).await
    }

    async fn send<T>(
        &self,
        queue: &mpsc::Sender<Unit>,
        unit: impl FnOnce(Answer<T>) -> Unit,
    ) -> Result<T, StoreError> {
        let gone = || {
            if self.closing.is_cancelled() {
                StoreError::Closed
            } else {
                StoreError::Corrupt("the writer ended by itself: see the log, restart".into())
            }
        };
        let (answer, answered) = oneshot::channel();
        queue.send(unit(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Takes no more units, applies what is queued, and ends.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the writer did not end well");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The task drains and ends by itself, also when nobody waits for it.
        self.closing.cancel();
    }
}

struct Task {
    options: WriterOptions,
    memory: Memory,
    c: Option<SqliteConnection>,
    host: mpsc::Receiver<Unit>,
    plugins: mpsc::Receiver<Unit>,
    host_was_last: bool,
    closing: CancellationToken,
    _lock: File,
}

impl Task {
    async fn run(mut self) {
        while let Some(first) = self.next().await {
            self.group(first).await;
        }
        if let Some(mut c) = self.c.take() {
            let ended = sqlx::raw_sql("pragma wal_checkpoint(truncate)")
                .execute(&mut c)
                .await;
            if let Err(error) = ended.map(|_| ()).and(c.close().await) {
                tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
            }
        }
    }

    /// The next unit; none when all is drained and nobody can send any more.
    async fn next(&mut self) -> Option<Unit> {
        loop {
            if let Some(unit) = self.waiting() {
                return Some(unit);
            }
            tokio::select! {
                Some(unit) = self.host.recv() => {
                    self.host_was_last = true;
                    return Some(unit);
                }
                Some(unit) = self.plugins.recv() => {
                    self.host_was_last = false;
                    return Some(unit);
                }
                () = self.closing.cancelled(), if !self.host.is_closed() => {
                    self.host.close();
                    self.plugins.close();
                }
                else => return None,
            }
        }
    }

    /// A unit that waits already: host and plugins in turn.
    fn waiting(&mut self) -> Option<Unit> {
        let host_first = !self.host_was_last;
        let unit = if host_first {
            self.host.try_recv().map(|u| (u, true))
        } else {
            self.plugins.try_recv().map(|u| (u, false))
        };
        let (unit, is_host) = match unit {
            Ok(found) => found,
            Err(_) if host_first => (self.plugins.try_recv().ok()?, false),
            Err(_) => (self.host.try_recv().ok()?, true),
        };
        self.host_was_last = is_host;
        Some(unit)
    }

    /// One transaction: the first unit and those that wait by the time it is applied.
    async fn group(&mut self, first: Unit) {
        let started = Instant::now();
        let mut c = match self.begin().await {
            Ok(c) => c,
            Err(error) => return self.lost(None, Vec::new(), Some(first), error).await,
        };
        let mut done: Vec<Done> = Vec::new();
        let mut unit = Some(first);
        while let Some(next) = unit.take() {
            match self.apply(&mut c, next).await {
                Ok(applied) => done.push(applied),
                Err(Failed { unit, error }) => {
                    return self.lost(Some(c), done, Some(unit), error).await;
                }
            }
            if done.len() < limits::SQLITE_GROUP_UNITS_MAX
                && started.elapsed().as_millis() < limits::SQLITE_GROUP_MS
            {
                unit = self.waiting();
            }
        }
        crash::at(crash::COMMITS);
        if let Err(error) = sqlx::query("commit").execute(&mut c).await {
            return self.lost(Some(c), done, None, error.into()).await;
        }
        self.c = Some(c);
        for answer in done {
            answer(Ok(()));
        }
    }

    async fn begin(&mut self) -> Result<SqliteConnection, StoreError> {
        let mut c = match self.c.take() {
            Some(c) => c,
            None => self.options.open().await?,
        };
        sqlx::query("begin immediate").execute(&mut c).await?;
        Ok(c)
    }

    /// Applies one unit in a savepoint. An error of the unit is its answer; an error of the database ends the group.
    async fn apply(&mut self, c: &mut SqliteConnection, unit: Unit) -> Result<Done, Failed> {
        if let Err(error) = sqlx::query("savepoint unit").execute(&mut *c).await {
            let error = error.into();
            return Err(Failed { unit, error });
        }
        let applied = unit.apply(c, &mut self.memory).await?;
        let undone = if applied.is_ok() {
            sqlx::query("release unit").execute(&mut *c).await
        } else {
            self.memory.forget();
            sqlx::raw_sql("rollback to unit; release unit")
                .execute(&mut *c)
                .await
        };
        match (applied, undone) {
            (Ok(done) | Err(done), Ok(_)) => Ok(done),
            (Ok(done) | Err(done), Err(error)) => Err(Failed {
                unit: Unit::Ended(done),
                error: error.into(),
            }),
        }
    }

    /// Rolls a group back and says so to everybody in it.
    async fn lost(
        &mut self,
        c: Option<SqliteConnection>,
        done: Vec<Done>,
        unit: Option<Unit>,
        error: StoreError,
    ) {
        tracing::warn!(%error, units = done.len() + usize::from(unit.is_some()), "a transaction was lost");
        self.memory.forget();
        // A new connection: after such an error nobody knows what is left of the old one.
        if let Some(mut c) = c {
            drop(sqlx::query("rollback").execute(&mut c).await);
            drop(c.close().await);
        }
        let why = error.to_string();
        for answer in done {
            answer(Err(why.clone()));
        }
        if let Some(unit) = unit {
            unit.refuse(why);
        }
    }
}
