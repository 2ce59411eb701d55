//! How a SQLite file is opened: one write connection and a pool of read-only ones.
//!
//! WAL with `synchronous = NORMAL`: a power cut may undo the last commits, but rows, positions and marks go back
//! together, so nothing is lost. Memory-mapped I/O is off: a failing disk must be an error, not a signal, and the
//! page caches below bound the memory.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, SqliteConnection};

use crate::limits;

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(limits::SQLITE_PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_millis(limits::SQLITE_BUSY_MS_MAX))
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        .pragma("mmap_size", "0")
        .pragma("trusted_schema", "off")
        .disable_statement_logging()
}

fn cache_size(bytes: usize) -> String {
    // SQLite counts KiB when the number is negative.
    format!("-{}", bytes / 1024)
}

/// Opens the one connection that writes; makes the file when it is missing.
pub(super) async fn open_writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(path)
        .create_if_missing(true)
        .pragma(
            "cache_size",
            cache_size(limits::SQLITE_WRITER_CACHE_BYTES_MAX),
        )
        .pragma(
            "wal_autocheckpoint",
            limits::SQLITE_WAL_PAGES_MAX.to_string(),
        )
        .pragma(
            "journal_size_limit",
            limits::SQLITE_WAL_FILE_BYTES_MAX.to_string(),
        )
        .statement_cache_capacity(limits::SQLITE_WRITER_STATEMENTS_MAX)
        .thread_name(|_| "sqlite-writer".into())
        .connect()
        .await
}

/// A database that is nowhere but in memory, and gone with its connection.
pub(super) async fn open_in_memory() -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .in_memory(true)
        .foreign_keys(false)
        .pragma("trusted_schema", "off")
        .disable_statement_logging()
        .connect()
        .await
}

/// Opens one connection that only looks, also at a file that a host owns; the file must exist.
pub(in crate::store) async fn open_looking(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(Duration::from_millis(limits::SQLITE_BUSY_MS_MAX))
        .disable_statement_logging()
        .connect()
        .await
}

/// Opens the read-only connections; the file must exist.
pub(super) async fn open_readers(path: &Path, readers: u32) -> Result<SqlitePool, sqlx::Error> {
    let options = options(path)
        .read_only(true)
        .pragma("query_only", "on")
        .pragma(
            "cache_size",
            cache_size(limits::SQLITE_READER_CACHE_BYTES_MAX),
        )
        .row_buffer_size(limits::SQLITE_READ_ROWS_AHEAD)
        .thread_name(|n| format!("sqlite-read-{n}"));
    SqlitePoolOptions::new()
        .max_connections(readers)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_millis(limits::SQLITE_BUSY_MS_MAX))
        .connect_with(options)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_sees_commits_and_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let mut writer = open_writer(&path).await.unwrap();
        sqlx::raw_sql("create table t (a integer); insert into t values (7)")
            .execute(&mut writer)
            .await
            .unwrap();
        let readers = open_readers(&path, 2).await.unwrap();
        let a: i64 = sqlx::query_scalar("select a from t")
            .fetch_one(&readers)
            .await
            .unwrap();
        assert_eq!(a, 7);
        let error = sqlx::query("insert into t values (8)")
            .execute(&readers)
            .await
            .unwrap_err();
        let code = error.as_database_error().unwrap().code().unwrap();
        assert_eq!(code, "8", "read-only");
    }
}
