//! A SQLite database for tests of reads: the host's schema, one generation's tables and views, and the rows that every
//! database has in these tests.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection};

use super::{Reads, SqliteReadSession};
use crate::store::gate::fixture::{read, schema};
use crate::store::gate::{CompiledRead, Dialect, compile};
use crate::store::read::ReadSession;
use crate::store::trial::rows;

const SPINE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../migrations/sqlite/0001_spine.sql"
));

const TABLES: &str = r#"
create table g1_status (_u integer primary key, _d integer not null, _pos integer not null, _rev text not null,
    _cid text not null, _seen integer not null, status text not null, created_at integer not null, subject integer,
    score real, extra text, open integer not null, raw blob);
create index g1_status_1 on g1_status (created_at desc, _u desc);
create index g1_status_2 on g1_status (status);
create index g1_status_3 on g1_status (subject);
create view g1_status_v as select _u, _d, _rev, _cid, _seen, status, created_at, subject, score, extra, open, raw
    from g1_status
    where not exists (select 1 from hidden where hidden.did_id = g1_status._d)
      and not exists (select 1 from record cross join hidden on hidden.did_id = record.did_id
                      where record.id = g1_status.subject);
create table g1_likes (_u integer not null, _n integer not null, _w integer not null, _d integer not null,
    subject integer not null, created_at integer not null, primary key (_u, _n)) without rowid;
create index g1_likes_1 on g1_likes (subject, created_at desc);
create view g1_likes_v as select _u, _d, subject, created_at from g1_likes
    where _w = 1 and not exists (select 1 from hidden where hidden.did_id = g1_likes._d);
create table g1_by_status (status text not null, n integer not null, primary key (status)) without rowid;
create index g1_by_status_1 on g1_by_status (n desc);
create view g1_by_status_v as select status, n from g1_by_status;
create table g1_by_subject (subject integer not null, n integer not null, primary key (subject)) without rowid;
create view g1_by_subject_v as select subject, n from g1_by_subject;
create view host_record_v as select record.id as _u, record.did_id as _d, collection.nsid as collection, record.rkey as rkey
    from record join collection on collection.id = record.coll_id
    where record.cid is not null and not exists (select 1 from hidden where hidden.did_id = record.did_id);
create table g1_numbers (id integer primary key, n integer, x real, t text, b blob) strict;
create view g1_numbers_v as select id, n, x, t, b from g1_numbers;
"#;

/// The database at a path of its own.
pub(in crate::store) struct Database {
    /// The connection that writes.
    pub(in crate::store) writer: SqliteConnection,
    /// The read-only ones.
    pub(in crate::store) pool: SqlitePool,
    _dir: tempfile::TempDir,
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
}

impl Database {
    /// A new one, with as many read-only connections as asked for.
    pub(in crate::store) async fn open(readers: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let mut writer = options(&path)
            .create_if_missing(true)
            .connect()
            .await
            .unwrap();
        for sql in [SPINE, TABLES, &rows(Dialect::Sqlite)] {
            let sql = AssertSqlSafe(sql.to_owned());
            sqlx::raw_sql(sql).execute(&mut writer).await.unwrap();
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(readers)
            .test_before_acquire(false)
            .connect_with(options(&path).read_only(true).pragma("query_only", "on"))
            .await
            .unwrap();
        Self {
            writer,
            pool,
            _dir: dir,
        }
    }

    /// Runs SQL that changes something.
    pub(in crate::store) async fn write(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.writer)
            .await
            .unwrap();
    }

    /// A session with some reads, each called by its place.
    pub(in crate::store) fn session(&self, reads: &[&CompiledRead]) -> Box<dyn ReadSession> {
        let named = reads
            .iter()
            .enumerate()
            .map(|(at, read)| (at.to_string(), (*read).clone()));
        let reads = Arc::new(named.collect::<Reads>());
        Box::new(SqliteReadSession::new(self.pool.clone(), reads))
    }
}

/// Compiles a read on the shared schema; see [`read`].
pub(in crate::store) fn compiled(params: &str, returns: &str, sql: &str) -> CompiledRead {
    compile(&read(params, returns, sql), &schema(), Dialect::Sqlite)
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
}
