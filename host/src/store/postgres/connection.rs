//! How a Postgres database is reached: a pool that writes, and one that only reads for serving.
//!
//! Guarantees: every connection has the host's schema first in `search_path`, gives up on a statement or a lock after
//! a bound, and is named in `pg_stat_activity`. A reader cannot write. Statements go by indexes.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Error};

use crate::limits;

/// Every statement is served by an index, whatever its table holds: a unit's by design, a plugin's read because it was
/// refused otherwise. Postgres plans by what a table held when it was last looked at: a plan made while it was empty
/// would walk through it for as long as that is not noticed.
const BY_INDEX: [(&str, &str); 4] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // Compiling a plan takes longer than any of ours runs.
    ("jit", "off"),
];

fn options(url: &str, schema: &str, what: &str) -> Result<PgConnectOptions, Error> {
    let idle_ms = limits::POSTGRES_IDLE_TRANSACTION_MS_MAX.to_string();
    let lock_ms = limits::POSTGRES_LOCK_MS_MAX.to_string();
    Ok(PgConnectOptions::from_str(url)?
        .application_name(&format!("aviary {what}"))
        .statement_cache_capacity(limits::POSTGRES_STATEMENTS_MAX)
        .options([
            ("search_path", schema),
            ("idle_in_transaction_session_timeout", &idle_ms),
            ("lock_timeout", &lock_ms),
        ])
        .options(BY_INDEX)
        .disable_statement_logging())
}

fn pool(most: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(Duration::from_millis(limits::POSTGRES_ACQUIRE_MS_MAX))
}

/// Opens both pools: writing, reading.
pub(super) async fn open(url: &str, schema: &str) -> Result<(PgPool, PgPool), Error> {
    let write_ms = limits::POSTGRES_WRITE_MS_MAX.to_string();
    let writing = options(url, schema, "writer")?.options([("statement_timeout", &write_ms)]);
    let writers = pool(limits::POSTGRES_WRITERS).connect_with(writing).await?;
    let readers = pool(limits::POSTGRES_READERS)
        .connect_with(reading(url, schema)?)
        .await?;
    Ok((writers, readers))
}

/// How a reader connects.
pub(super) fn reading(url: &str, schema: &str) -> Result<PgConnectOptions, Error> {
    let read_ms = limits::POSTGRES_READ_MS_MAX.to_string();
    Ok(options(url, schema, "reader")?.options([
        ("statement_timeout", read_ms.as_str()),
        ("default_transaction_read_only", "on"),
    ]))
}
