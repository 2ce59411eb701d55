//! How the database file is opened: one connection that writes, a few that read.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqliteConnection};

/// Page cache of the writer (KiB): the upper levels of every B-tree, not the whole file.
const WRITER_CACHE_KIB: i64 = 48 << 10;
/// Page cache of each reader (KiB).
const READER_CACHE_KIB: i64 = 4 << 10;
/// Pages in the log before a commit also moves them into the file (16 MiB of 4 KiB pages).
const CHECKPOINT_PAGES: i64 = 4_096;
/// How long a reader waits for a lock; the writer meets none but its own checkpoints.
const BUSY_MS: u64 = 5_000;
/// Prepared statements kept by the writer: bulk statements exist in a few chunk sizes for each table.
const WRITER_STATEMENTS: usize = 1_024;
/// Connections that read.
pub(super) const READERS: u32 = 4;

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // Cursor and rows are in one file and roll back together: losing the last commits with the power only means
        // to read them again from upstream.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_millis(BUSY_MS))
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

/// Opens the one connection that writes; makes the file when there is none.
pub(super) async fn open_writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(path)
        .create_if_missing(true)
        .statement_cache_capacity(WRITER_STATEMENTS)
        .pragma("cache_size", (-WRITER_CACHE_KIB).to_string())
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .connect()
        .await
}

/// Opens the connections that read; none of them can write.
pub(super) async fn open_readers(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = options(path)
        .read_only(true)
        .pragma("query_only", "on")
        .pragma("cache_size", (-READER_CACHE_KIB).to_string());
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(options)
        .await
}
