//! For unit tests: how SQLite would run a statement, step by step, as EXPLAIN QUERY PLAN words it.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};
use tempfile::TempDir;

use super::{connection, migrate};

/// An empty database with the host's tables; its folder goes with the first.
pub(super) async fn database() -> (TempDir, SqliteConnection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let mut c = connection::open_writer(&path).await.unwrap();
    migrate::run(&mut c).await.unwrap();
    (dir, c)
}

/// The steps of a statement; parameters are not bound.
pub(super) async fn steps(c: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let explain = format!("explain query plan {sql}");
    let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(c).await;
    let steps: Vec<String> = rows.unwrap().iter().map(|row| row.get(3)).collect();
    assert!(!steps.is_empty(), "no plan: {sql}");
    steps
}
