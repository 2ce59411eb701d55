//! Named reads and records for one call of a method: one read-only connection, one snapshot, bounded in time, rows
//! and bytes.
//!
//! Guarantees: the snapshot is taken by the first read and held until the session is dropped; a read that ends
//! early, for whatever reason, leaves a connection that the next one can use. Too much is an error, never a cut.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{AssertSqlSafe, SqliteConnection, Transaction};

use crate::atproto::AtUri;
use crate::limits;
use crate::store::archive::RecordRow;
use crate::store::error::StoreError;
use crate::store::gate::CompiledRead;
use crate::store::read::{Param, ReadPage, ReadSession};
use crate::store::reading::PageBuilder;
pub(super) use crate::store::reading::Reads;

mod bind;
mod deadline;
mod records;
mod result;

use deadline::Deadline;

/// One snapshot over one generation's tables.
#[derive(Debug)]
pub(super) struct SqliteReadSession {
    pool: SqlitePool,
    reads: Arc<Reads>,
    open: Option<Open>,
}

/// A connection with its snapshot.
#[derive(Debug)]
struct Open {
    transaction: Transaction<'static, Sqlite>,
    deadline: Arc<Deadline>,
    /// A statement may still be running on the connection.
    is_running: bool,
}

impl SqliteReadSession {
    /// A session that takes a connection of the pool with its first read.
    pub(super) fn new(pool: SqlitePool, reads: Arc<Reads>) -> Self {
        Self {
            pool,
            reads,
            open: None,
        }
    }

    async fn open(&mut self) -> Result<&mut Open, StoreError> {
        let open = match self.open.take() {
            Some(mut open) => {
                open.settle().await?;
                open
            }
            None => Open::begin(&self.pool).await?,
        };
        Ok(self.open.insert(open))
    }
}

impl Open {
    async fn begin(pool: &SqlitePool) -> Result<Self, StoreError> {
        let mut transaction = pool.begin().await.map_err(|e| database_error(&e))?;
        let deadline = Arc::new(Deadline::default());
        let watched = Arc::clone(&deadline);
        transaction
            .lock_handle()
            .await
            .map_err(|e| database_error(&e))?
            .set_progress_handler(limits::READ_STEPS_PER_LOOK, move || !watched.is_over());
        Ok(Self {
            transaction,
            deadline,
            is_running: false,
        })
    }

    /// Waits until no statement runs any more: one that was left behind is interrupted.
    async fn settle(&mut self) -> Result<(), StoreError> {
        if self.is_running {
            self.deadline.stop();
            // The handle is free once the statement before it has ended.
            let free = self.transaction.lock_handle().await;
            free.map_err(|e| database_error(&e))?;
            self.deadline.clear();
            self.is_running = false;
        }
        Ok(())
    }
}

impl Drop for SqliteReadSession {
    fn drop(&mut self) {
        // A call that was given up in the middle of a read: end the read before the connection goes back.
        if let Some(mut open) = self.open.take_if(|o| o.is_running) {
            open.deadline.stop();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    if let Err(error) = open.settle().await {
                        tracing::warn!(%error, "a read that was given up did not end");
                    }
                });
            }
        }
    }
}

#[async_trait]
impl ReadSession for SqliteReadSession {
    async fn run(&mut self, name: &str, params: Vec<Param>) -> Result<ReadPage, StoreError> {
        let reads = Arc::clone(&self.reads);
        let read = reads
            .get(name)
            .ok_or_else(|| StoreError::Refused(format!("there is no read {name:?}")))?;
        let open = self.open().await?;
        open.is_running = true;
        open.deadline.set(limits::READ_MS_MAX);
        let page = page(&mut open.transaction, read, &params).await;
        if page.is_ok() {
            open.deadline.clear();
            open.is_running = false;
        } else {
            open.settle().await?;
        }
        page
    }

    async fn records(&mut self, uris: &[AtUri]) -> Result<Vec<Option<RecordRow>>, StoreError> {
        if uris.len() > limits::RECORDS_GET_MAX {
            return Err(StoreError::Refused(format!(
                "expected at most {} URIs, got {}",
                limits::RECORDS_GET_MAX,
                uris.len()
            )));
        }
        let open = self.open().await?;
        open.is_running = true;
        open.deadline.set(limits::READ_MS_MAX);
        let found = records::visible(&mut open.transaction, uris).await;
        open.settle().await?;
        found
    }
}

/// Runs one read to its end or to its first bound.
async fn page(
    c: &mut SqliteConnection,
    read: &CompiledRead,
    params: &[Param],
) -> Result<ReadPage, StoreError> {
    let arguments = bind::arguments(c, read, params).await?;
    let mut rows = sqlx::query_with(AssertSqlSafe(read.sql.clone()), arguments).fetch(c);
    let mut page = PageBuilder::new(read);
    while let Some(row) = rows.try_next().await.map_err(|e| database_error(&e))? {
        page.push(|number| result::raw(&row, number))?;
    }
    Ok(page.finish())
}

// SQLite's primary result codes; an extended code's low byte is its primary one.
const INTERRUPTED: u32 = 9;
const CORRUPT: u32 = 11;
const NOT_A_DATABASE: u32 = 26;
/// Busy, locked, no memory, I/O, full, cannot open, protocol.
const PASSING: [u32; 7] = [5, 6, 7, 10, 13, 14, 15];

/// What an error of a plugin's statement means: what is not about the machine is about the statement.
pub(super) fn database_error(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(e) => {
            let code = e.code().and_then(|c| c.parse::<u32>().ok());
            match code.map(|c| c & 0xff) {
                Some(INTERRUPTED) => StoreError::ReadTimeout {
                    limit_ms: limits::READ_MS_MAX,
                },
                Some(CORRUPT | NOT_A_DATABASE) => StoreError::Corrupt(e.to_string()),
                Some(code) if PASSING.contains(&code) => StoreError::Unavailable(e.to_string()),
                _ => StoreError::Refused(format!("the database refuses it: {e}")),
            }
        }
        sqlx::Error::PoolClosed => StoreError::Closed,
        other => StoreError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
pub(in crate::store) mod fixture;
#[cfg(test)]
mod tests;
