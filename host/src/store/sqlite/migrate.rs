//! Brings a database file to this version's schema: `migrations/sqlite/*.sql`, embedded, each in one transaction.
//!
//! `user_version` holds the number of the last one. A file of a newer Aviary, or of something else, is refused
//! and not touched.

use sqlx::SqliteConnection;

use crate::store::error::StoreError;

/// All migrations in order; a file's number is its place in this list, from 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../migrations/sqlite/0001_spine.sql"),
    include_str!("../../../../migrations/sqlite/0002_host_views.sql"),
    include_str!("../../../../migrations/sqlite/0003_chains.sql"),
];

/// Applies what is missing.
pub(super) async fn run(c: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: i64 = sqlx::query_scalar("pragma user_version")
        .fetch_one(&mut *c)
        .await?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Corrupt(format!(
            "its schema has version {version}, this Aviary knows up to {}: use a newer Aviary",
            MIGRATIONS.len()
        )));
    }
    if done == 0 {
        let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
            .fetch_one(&mut *c)
            .await?;
        if tables > 0 {
            return Err(StoreError::Corrupt(
                "the file is a database of another program: name a new file".into(),
            ));
        }
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let number = index + 1;
        let script = format!("begin immediate;\n{sql}\n;pragma user_version = {number};\ncommit;");
        if let Err(error) = sqlx::raw_sql(sqlx::AssertSqlSafe(script))
            .execute(&mut *c)
            .await
        {
            // The connection may be inside the failed transaction; the error that matters is the first one.
            drop(sqlx::raw_sql("rollback").execute(&mut *c).await);
            return Err(error.into());
        }
        tracing::info!(number, "database schema migrated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::connection::open_writer;
    use super::*;

    #[tokio::test]
    async fn runs_once_and_refuses_what_is_newer_or_foreign() {
        let dir = tempfile::tempdir().unwrap();
        let mut c = open_writer(&dir.path().join("a.db")).await.unwrap();
        run(&mut c).await.unwrap();
        run(&mut c).await.unwrap();
        let version: i64 = sqlx::query_scalar("pragma user_version")
            .fetch_one(&mut c)
            .await
            .unwrap();
        assert_eq!(usize::try_from(version).unwrap(), MIGRATIONS.len());

        sqlx::raw_sql("pragma user_version = 9999")
            .execute(&mut c)
            .await
            .unwrap();
        let newer = run(&mut c).await.unwrap_err().to_string();
        assert!(newer.contains("9999"), "{newer}");

        let mut other = open_writer(&dir.path().join("b.db")).await.unwrap();
        sqlx::raw_sql("create table cats (name text)")
            .execute(&mut other)
            .await
            .unwrap();
        let foreign = run(&mut other).await.unwrap_err().to_string();
        assert!(foreign.contains("another program"), "{foreign}");
    }
}
