//! A reader's connection with its snapshot: one transaction, `repeatable read, read only`, which takes on the plugin's
//! role for the plugin's SQL.
//!
//! Guarantees: whatever became of a statement (an error, a bound, a caller that went away), the next one of the session
//! sees the same snapshot, and the connection goes back to its pool without transaction and role, or is closed.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::{AssertSqlSafe, Executor as _};

use super::database_error;
use crate::limits;
use crate::store::error::StoreError;
use crate::store::indexing::quoted;

/// In whose name a statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The user that the store connects as.
    Host,
    /// The generation's role.
    Plugin,
}

impl Who {
    fn sql(self, role: &str) -> String {
        match self {
            Self::Host => "set local role none".into(),
            Self::Plugin => format!("set local role {}", quoted(role)),
        }
    }
}

/// See the module.
pub(super) struct Open {
    /// Always there until the end.
    c: Option<PoolConnection<Postgres>>,
    /// Who the transaction began as: it is that one again after an error.
    began_as: Who,
    who: Who,
    /// A statement failed, or may still be running.
    is_disturbed: bool,
}

impl Open {
    /// Begins the transaction of a session.
    pub(super) async fn begin(pool: &PgPool, who: Who, role: &str) -> Result<Self, StoreError> {
        let c = pool.acquire().await.map_err(|e| database_error(&e))?;
        let mut open = Self {
            c: Some(c),
            began_as: who,
            who,
            is_disturbed: true,
        };
        // One round trip. The savepoint is what an error goes back to: the snapshot outlives it.
        let sql = format!(
            "begin isolation level repeatable read, read only; set local statement_timeout = {}; {}; savepoint s",
            limits::READ_MS_MAX,
            who.sql(role),
        );
        let done = open.command(&sql).await;
        if let Err(StoreError::Refused(reason)) = &done {
            return Err(StoreError::Refused(format!(
                "the plugin's role cannot be taken on: {reason}"
            )));
        }
        done?;
        open.is_disturbed = false;
        Ok(open)
    }

    /// Puts the transaction in order after what failed or was left behind, and takes on the role asked for.
    pub(super) async fn become_ready(&mut self, who: Who, role: &str) -> Result<(), StoreError> {
        if self.is_disturbed {
            // Waits for what may still be running, which ends by its time at the latest. The error of a statement that
            // was left behind is told to whoever asks next: so it is asked twice.
            const AGAIN: &str = "rollback to savepoint s";
            if self.command(AGAIN).await.is_err() {
                self.command(AGAIN).await?;
            }
            self.who = self.began_as;
            self.is_disturbed = false;
        }
        if self.who != who {
            self.is_disturbed = true;
            self.command(&who.sql(role)).await?;
            self.who = who;
            self.is_disturbed = false;
        }
        Ok(())
    }

    /// Runs statements to their answer, within a bound that does not depend on the server.
    pub(super) async fn answer<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.is_disturbed = true;
        let answer = self.within(ask).await?;
        self.is_disturbed = false;
        Ok(answer)
    }

    async fn command(&mut self, sql: &str) -> Result<(), StoreError> {
        let sql = AssertSqlSafe(sql.to_owned());
        self.within(async |c| {
            let done = c.execute(sqlx::raw_sql(sql)).await;
            done.map(drop).map_err(|e| database_error(&e))
        })
        .await
    }

    async fn within<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("the connection does not answer".into());
        let c = self.c.as_mut().ok_or_else(gone)?;
        let patience = Duration::from_millis(limits::POSTGRES_ANSWER_MS_MAX);
        if let Ok(answer) = tokio::time::timeout(patience, ask(c)).await {
            return answer;
        }
        // Nothing more is to be had of it: closed, and not back to the pool.
        if let Some(mut c) = self.c.take() {
            c.close_on_drop();
        }
        Err(gone())
    }
}

/// Ends the transaction, after the error of a statement that was left behind. A connection that does not answer is
/// closed.
async fn end(mut c: PoolConnection<Postgres>) {
    let patience = Duration::from_millis(limits::POSTGRES_ANSWER_MS_MAX);
    let ending = async {
        match c.execute("rollback").await {
            Ok(_) => Ok(()),
            Err(_) => c.execute("rollback").await.map(drop),
        }
    };
    let done = tokio::time::timeout(patience, ending).await;
    if !matches!(done, Ok(Ok(()))) {
        tracing::debug!("a reader's connection is closed");
        c.close_on_drop();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut c) = self.c.take() else {
            return;
        };
        match tokio::runtime::Handle::try_current() {
            // Not as an Open: a runtime that is about to end drops what it is given, here and now.
            Ok(runtime) => drop(runtime.spawn(end(c))),
            Err(_) => c.close_on_drop(),
        }
    }
}
