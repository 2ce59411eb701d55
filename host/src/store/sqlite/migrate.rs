//! The host's own schema: embedded, forward only, each step in a transaction of its own.

use sqlx::{Connection, Row, SqliteConnection};

use crate::store::StoreError;

/// In order; a released file is never edited. `user_version` counts how many a database has seen.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../migrations/sqlite/0001_spine.sql"),
    include_str!("../../../../migrations/sqlite/0002_host_views.sql"),
];

/// Brings a database to this version's schema.
pub(super) async fn run(db: &mut SqliteConnection) -> Result<(), StoreError> {
    let seen: i64 = sqlx::query("pragma user_version")
        .fetch_one(&mut *db)
        .await?
        .get(0);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if seen > known {
        return Err(StoreError::Corrupt(format!(
            "its schema is version {seen}, this aviary knows up to {known}: use the newer aviary that wrote it"
        )));
    }
    for (version, sql) in (1..)
        .zip(MIGRATIONS)
        .skip(usize::try_from(seen).unwrap_or(0))
    {
        let mut transaction = db.begin().await?;
        sqlx::raw_sql(*sql).execute(&mut *transaction).await?;
        let stamp = format!("pragma user_version = {version}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(stamp))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}
