//! Named reads and records for one call of a method: one connection of the readers' pool, one snapshot, bounded in
//! time, rows and bytes; plugins' SQL runs as the generation's own role.
//!
//! Guarantees: the snapshot is taken by the first read and held until the session is dropped; a read that ends early,
//! for whatever reason, leaves a session that can read on, and a connection that nothing of it is left on. Too much is
//! an error, never a cut.

mod bind;
mod open;
mod records;
mod result;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, query_with};

use self::open::{Open, Who};
use crate::atproto::AtUri;
use crate::limits;
use crate::store::archive::RecordRow;
use crate::store::error::StoreError;
use crate::store::gate::CompiledRead;
use crate::store::read::{Param, ReadPage, ReadSession};
use crate::store::reading::{PageBuilder, Reads};

pub(super) use bind::arguments;

/// One snapshot over one generation's tables.
pub(super) struct PostgresReadSession {
    pool: PgPool,
    reads: Arc<Reads>,
    role: String,
    open: Option<Open>,
}

impl PostgresReadSession {
    /// A session that takes a connection of the pool with its first read, and runs reads as `role`.
    pub(super) fn new(pool: PgPool, reads: Arc<Reads>, role: String) -> Self {
        Self {
            pool,
            reads,
            role,
            open: None,
        }
    }

    /// The connection, ready for a statement of `who`.
    async fn open(&mut self, who: Who) -> Result<&mut Open, StoreError> {
        let role = &self.role;
        let open = match &mut self.open {
            // Also when its connection is lost: there is no second snapshot.
            Some(open) => open,
            none => none.insert(Open::begin(&self.pool, who, role).await?),
        };
        open.become_ready(who, role).await?;
        Ok(open)
    }
}

#[async_trait]
impl ReadSession for PostgresReadSession {
    async fn run(&mut self, name: &str, params: Vec<Param>) -> Result<ReadPage, StoreError> {
        let reads = Arc::clone(&self.reads);
        let read = reads
            .get(name)
            .ok_or_else(|| StoreError::Refused(format!("there is no read {name:?}")))?;
        let open = self.open(Who::Plugin).await?;
        open.answer(async |c| page(c, read, &params).await).await
    }

    async fn records(&mut self, uris: &[AtUri]) -> Result<Vec<Option<RecordRow>>, StoreError> {
        if uris.len() > limits::RECORDS_GET_MAX {
            return Err(StoreError::Refused(format!(
                "expected at most {} URIs, got {}",
                limits::RECORDS_GET_MAX,
                uris.len()
            )));
        }
        let open = self.open(Who::Host).await?;
        open.answer(async |c| records::visible(c, uris).await).await
    }
}

/// Runs one read to its end or to its first bound.
async fn page(
    c: &mut PgConnection,
    read: &CompiledRead,
    params: &[Param],
) -> Result<ReadPage, StoreError> {
    let arguments = arguments(c, read, params).await?;
    let mut rows = query_with(AssertSqlSafe(read.sql.clone()), arguments).fetch(c);
    let mut page = PageBuilder::new(read);
    while let Some(row) = rows.try_next().await.map_err(|e| database_error(&e))? {
        page.push(|number| result::raw(&row, number))?;
    }
    Ok(page.finish())
}

/// A statement that ran past its time, or that somebody canceled.
const CANCELED: &str = "57014";
/// A page or an index that contradicts itself.
const CORRUPT: &str = "XX00";
/// Connection, transaction, resources, a lock, the operator, the system: about the machine, not the statement.
const PASSING: [&str; 6] = ["08", "40", "53", "55", "57", "58"];

/// What an error of a plugin's statement means: what is not about the machine is about the statement.
pub(super) fn database_error(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(e) => {
            let state = e.code().unwrap_or_default();
            if state == CANCELED {
                StoreError::ReadTimeout {
                    limit_ms: limits::READ_MS_MAX,
                }
            } else if state.starts_with(CORRUPT) && state != "XX000" {
                StoreError::Corrupt(e.to_string())
            } else if PASSING.iter().any(|class| state.starts_with(class)) {
                StoreError::Unavailable(e.to_string())
            } else {
                StoreError::Refused(format!("the database refuses it: {e}"))
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
