//! Brings the host's schema to this version's: `migrations/postgres/*.sql`, embedded, all in one transaction.
//!
//! Guarantees: hosts that start at once take turns; `meta` holds the number of the last migration; a schema of a newer
//! Aviary, or one that is another program's, is refused and not touched.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::store::error::StoreError;

/// All migrations in order; a schema's number is its place in this list, from 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../migrations/postgres/0001_host.sql"),
    include_str!("../../../../migrations/postgres/0002_hosts.sql"),
];

/// Applies what is missing, and makes or checks the partitions.
pub(super) async fn run(
    c: &mut PgConnection,
    schema: &str,
    partitions: u16,
) -> Result<(), StoreError> {
    let mut tx = c.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('aviary ' || $1, 0))")
        .bind(schema)
        .execute(&mut *tx)
        .await?;
    let done = version(&mut tx, schema).await?;
    if done > MIGRATIONS.len() {
        return Err(StoreError::Corrupt(format!(
            "its schema has version {done}, this Aviary knows up to {}: use a newer Aviary",
            MIGRATIONS.len()
        )));
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
        sqlx::query(
            "insert into meta (key, value) values ('schema_version', $1) \
             on conflict (key) do update set value = excluded.value",
        )
        .bind((index + 1).to_string())
        .execute(&mut *tx)
        .await?;
        tracing::info!(number = index + 1, "database schema migrated");
    }
    settle(&mut tx, partitions).await?;
    tx.commit().await?;
    Ok(())
}

/// The number of the last migration; 0 for a schema that is made just now.
async fn version(c: &mut PgConnection, schema: &str) -> Result<usize, StoreError> {
    let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
    let exists: bool =
        sqlx::query_scalar("select exists (select 1 from pg_namespace where nspname = $1)")
            .bind(schema)
            .fetch_one(&mut *c)
            .await?;
    if !exists {
        sqlx::raw_sql(AssertSqlSafe(format!("create schema {quoted}")))
            .execute(&mut *c)
            .await?;
        return Ok(0);
    }
    let tables: i64 = sqlx::query_scalar("select count(*) from pg_tables where schemaname = $1")
        .bind(schema)
        .fetch_one(&mut *c)
        .await?;
    if tables == 0 {
        return Ok(0);
    }
    let foreign = || {
        StoreError::Corrupt(format!(
            "the schema {schema} holds tables of another program: name another one with ?schema="
        ))
    };
    let ours: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(format!("{quoted}.meta"))
        .fetch_one(&mut *c)
        .await?;
    if !ours {
        return Err(foreign());
    }
    let number: Option<String> =
        sqlx::query_scalar("select value from meta where key = 'schema_version'")
            .fetch_optional(c)
            .await?;
    number
        .and_then(|text| text.parse().ok())
        .ok_or_else(foreign)
}

/// Makes the partitions of a new schema, or holds the number against what is there.
async fn settle(c: &mut PgConnection, wanted: u16) -> Result<(), StoreError> {
    let found: i64 = sqlx::query_scalar("select count(*) from partition")
        .fetch_one(&mut *c)
        .await?;
    if found == i64::from(wanted) {
        return Ok(());
    }
    if found > 0 {
        return Err(StoreError::Refused(format!(
            "this database was made with {found} partitions, the settings say {wanted}: \
             the number is fixed when a database is made"
        )));
    }
    for table in ["partition", "lease"] {
        let sql = format!("insert into {table} (part) select generate_series(0, $1 - 1)");
        sqlx::query(AssertSqlSafe(sql))
            .bind(i32::from(wanted))
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}
