//! `aviary migrate-store`: a store's whole content moves from SQLite to Postgres while no host runs.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::StoreUrl;
use crate::limits;
use crate::store::Store;
use crate::store::moving::{MoveProgress, Moved};
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::{SqliteOptions, SqliteStore};

/// What moves where.
pub struct MoveOptions {
    /// The store that is left: SQLite.
    pub from: StoreUrl,
    /// The store that takes over: Postgres, a new schema or the one of an interrupted move.
    pub to: StoreUrl,
    /// How many partitions both have.
    pub partitions: u16,
    /// Told after each page.
    pub on_progress: Box<dyn Fn(MoveProgress) + Send + Sync>,
}

/// Moves everything but plugins' tables, and compares both sides.
///
/// # Errors
/// When a side is something else, is in use, does not answer, or does not fit the other.
pub async fn move_store(options: MoveOptions) -> anyhow::Result<Vec<Moved>> {
    let (path, url, schema) = match (options.from, options.to) {
        (StoreUrl::Sqlite(path), StoreUrl::Postgres { url, schema }) => (path, url, schema),
        (from, to) => {
            bail!("expected --from sqlite://… and --to postgres://…, got {from} and {to}")
        }
    };
    if !path.is_file() {
        bail!("--from {}: there is no such file", path.display());
    }
    let (clock, partitions) = (Clock::system(), options.partitions);
    // Held open: no host can write the file meanwhile.
    let from = SqliteStore::open(SqliteOptions {
        path: path.clone(),
        partitions,
        clock: clock.clone(),
    })
    .await?;
    let to = PostgresStore::open(PostgresOptions {
        url,
        schema,
        partitions,
        clock,
    })
    .await?;
    own(&to).await?;
    let moved = to.take_over(&path, &*options.on_progress).await;
    to.close().await;
    from.close().await;
    moved.context("what was copied stays; the same command goes on where it was")
}

/// A host that writes the database would write between what is copied.
async fn own(store: &PostgresStore) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    // Longer than the lease of a host that was killed just now.
    let patience = Duration::from_millis(limits::LEASE_MS * 2);
    match tokio::time::timeout(patience, store.own(&stop)).await {
        Ok(owned) => owned.map(drop).map_err(Into::into),
        Err(_) => bail!("a host writes the database: stop it first"),
    }
}
