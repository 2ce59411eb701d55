//! A store of either backend in a place of its own: the same bodies run on both.
//!
//! Guarantees: a place is empty when it is made and gone when it is dropped; it can be opened again and again, and be
//! asked by plain SQL that both backends understand.

mod cells;

use std::collections::BTreeMap;
use std::sync::Arc;

use aviary::clock::Clock;
use aviary::store::postgres::{PostgresOptions, PostgresStore};
use aviary::store::sqlite::{SqliteOptions, SqliteStore};
use aviary::store::{Store, StoreError};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub use self::cells::Cell;
use crate::services::PrivateDatabase;

/// The schema of a Postgres place.
const SCHEMA: &str = "aviary";

/// Which backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One file.
    Sqlite,
    /// A database of its own.
    Postgres,
}

/// Where a store is.
pub enum Place {
    /// A folder with the file.
    Sqlite(TempDir),
    /// A database.
    Postgres(PrivateDatabase),
}

impl Place {
    /// An empty place.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite(tempfile::tempdir().expect("a folder")),
            Backend::Postgres => Self::Postgres(PrivateDatabase::new().await),
        }
    }

    /// What a host is told: `--store` this.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(dir) => format!("sqlite://{}", dir.path().join("store.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// Opens the store, once it may write.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open(&self, partitions: u16) -> Arc<dyn Store> {
        self.try_open(partitions).await.expect("a store")
    }

    /// Opens the store, or says why it does not open.
    ///
    /// # Errors
    /// What the store says.
    pub async fn try_open(&self, partitions: u16) -> Result<Arc<dyn Store>, StoreError> {
        let clock = Clock::system();
        let store: Arc<dyn Store> = match self {
            Self::Sqlite(dir) => {
                let path = dir.path().join("store.db");
                let options = SqliteOptions {
                    path,
                    partitions,
                    clock,
                };
                Arc::new(SqliteStore::open(options).await?)
            }
            Self::Postgres(database) => {
                let options = PostgresOptions {
                    url: database.url().to_owned(),
                    schema: SCHEMA.to_owned(),
                    partitions,
                    clock,
                };
                Arc::new(PostgresStore::open(options).await?)
            }
        };
        let owned = store.own(&CancellationToken::new()).await?;
        assert!(owned, "nobody told it to stop");
        Ok(store)
    }

    /// The number that a query gives.
    ///
    /// # Panics
    /// When it gives none.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(dir) => {
                sqlx::query_scalar(sql)
                    .fetch_one(&mut sqlite(dir).await)
                    .await
            }
            Self::Postgres(database) => {
                let mut c = postgres(database).await;
                sqlx::query_scalar(sql).fetch_one(&mut c).await
            }
        }
        .expect("a number")
    }

    /// The texts that a query gives, one for each row.
    ///
    /// # Panics
    /// When it fails.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(dir) => {
                sqlx::query_scalar(sql)
                    .fetch_all(&mut sqlite(dir).await)
                    .await
            }
            Self::Postgres(database) => {
                let mut c = postgres(database).await;
                sqlx::query_scalar(sql).fetch_all(&mut c).await
            }
        }
        .expect("texts")
    }

    /// Runs a script.
    ///
    /// # Panics
    /// When it fails.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(dir) => {
                let mut c = sqlite(dir).await;
                sqlx::raw_sql(sql).execute(&mut c).await.expect("done");
            }
            Self::Postgres(database) => {
                let mut c = postgres(database).await;
                sqlx::raw_sql(sql).execute(&mut c).await.expect("done");
            }
        }
    }

    /// Every row of every table, as text, sorted. Without leases: they change by themselves.
    ///
    /// # Panics
    /// When the tables cannot be read.
    pub async fn dump(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        match self {
            Self::Sqlite(_) => {
                let tables = "select name from sqlite_schema where type = 'table' order by name";
                for table in self.texts(tables).await {
                    let sql = self.sqlite_rows(&table).await;
                    all.insert(table, self.texts(&sql).await);
                }
            }
            Self::Postgres(database) => {
                let mut c = postgres(database).await;
                let tables: Vec<String> = sqlx::query_scalar(
                    "select schemaname || '.' || tablename from pg_tables \
                     where schemaname like 'aviary%' and tablename <> 'lease' order by 1",
                )
                .fetch_all(&mut c)
                .await
                .expect("tables");
                for table in tables {
                    let sql = format!("select t::text from {table} t order by 1");
                    let rows = sqlx::query_scalar(AssertSqlSafe(sql))
                        .fetch_all(&mut c)
                        .await
                        .expect("rows");
                    all.insert(table, rows);
                }
            }
        }
        all
    }

    async fn sqlite_rows(&self, table: &str) -> String {
        let columns = format!("select name from pragma_table_info('{table}')");
        let quoted: Vec<String> = self
            .texts(&columns)
            .await
            .iter()
            .map(|name| format!("quote(\"{name}\")"))
            .collect();
        format!(
            "select {} as r from \"{table}\" order by r",
            quoted.join(" || ' ' || ")
        )
    }
}

async fn sqlite(dir: &TempDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(dir.path().join("store.db"));
    SqliteConnection::connect_with(&options)
        .await
        .expect("a connection")
}

async fn postgres(database: &PrivateDatabase) -> PgConnection {
    let mut c = PgConnection::connect(database.url())
        .await
        .expect("a connection");
    sqlx::query("select set_config('search_path', $1, false)")
        .bind(SCHEMA)
        .execute(&mut c)
        .await
        .expect("a search path");
    c
}

/// Makes a test of each body on each backend: `sqlite::name` and `postgres::name`.
#[macro_export]
macro_rules! on_both {
    ($($body:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                super::$body($crate::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $body() {
                super::$body($crate::Backend::Postgres).await;
            })+
        }
    };
}
