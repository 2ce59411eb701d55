//! A connection to Redis that is made again as often as needed.
//!
//! Guarantees: each kind of trouble is said once in the log and shown in a gauge until it is over, whatever the tries;
//! waits between tries grow to a bound and have jitter. A connection on which an answer is late is given up: what was
//! asked on it may still be done. Decides nothing about what is tried again.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError};

use crate::limits;
use crate::telemetry::{Counter, Counters};

/// One connection, or the lack of it.
pub(super) struct Link {
    client: redis::Client,
    connection: Option<MultiplexedConnection>,
    /// For the log: what it is for.
    what: &'static str,
    wait_ms: u64,
    /// What went wrong since something worked, each kind once.
    trouble: Vec<String>,
    counters: Arc<Counters>,
}

impl Link {
    /// Connects when it is first used.
    pub(super) fn new(client: redis::Client, what: &'static str, counters: Arc<Counters>) -> Self {
        Self {
            client,
            connection: None,
            what,
            wait_ms: limits::REDIS_RETRY_MS,
            trouble: Vec::new(),
            counters,
        }
    }

    /// The connection, made now if there is none.
    pub(super) async fn connection(&mut self) -> Result<MultiplexedConnection, RedisError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(limits::REDIS_CONNECT_MS)))
            .set_response_timeout(Some(Duration::from_millis(limits::REDIS_ANSWER_MS)));
        let made = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(self.connection.insert(made).clone())
    }

    /// Something worked.
    pub(super) fn worked(&mut self) {
        self.wait_ms = limits::REDIS_RETRY_MS;
        if !self.trouble.is_empty() {
            self.trouble.clear();
            self.counters.lower(Counter::QueueTrouble);
            tracing::info!(what = self.what, "queue.well: Redis does its work again");
        }
    }

    /// Something did not: notes it, and waits for the next try.
    pub(super) async fn failed(&mut self, error: &RedisError) {
        if !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
            self.connection = None;
        }
        if self.trouble.is_empty() {
            self.counters.add(Counter::QueueTrouble, 1);
        }
        let text = error.to_string();
        if !self.trouble.contains(&text) && self.trouble.len() < limits::REDIS_TROUBLE_KINDS_MAX {
            tracing::warn!(
                what = self.what,
                error = text,
                "queue.trouble: Redis does not do its work; waiting for it"
            );
            self.trouble.push(text);
        }
        let wait_ms = rand::random_range(self.wait_ms / 2..=self.wait_ms);
        self.wait_ms = (self.wait_ms * 2).min(limits::REDIS_RETRY_MS_MAX);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.trouble.is_empty() {
            self.counters.lower(Counter::QueueTrouble);
        }
    }
}
