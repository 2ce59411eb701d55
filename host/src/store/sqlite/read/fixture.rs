//! A database for tests of reads: the host's schema, one generation's tables and views with a handful of rows whose
//! interned ids are in another order than their texts.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection};

use super::{Reads, SqliteReadSession};
use crate::store::gate::fixture::{read, schema};
use crate::store::gate::{CompiledRead, compile};

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
insert into did values (1, 'did:plc:zed'), (2, 'did:plc:amy'), (3, 'did:plc:bob'), (4, 'did:plc:hid');
insert into hidden values (4);
insert into collection values (1, 'x.y.status'), (2, 'x.y.like');
insert into record (id, did_id, coll_id, rkey, rev, cid, seen_us, body) values
    (1, 1, 1, '1', '2222222222222', x'01711220' || zeroblob(32), 7, x'a0'),
    (2, 3, 1, '3', '2222222222222', x'01711220' || zeroblob(32), 7, x'a0'),
    (3, 2, 1, '2', '2222222222222', x'01711220' || zeroblob(32), 7, x'a0'),
    (4, 1, 1, '4', '2222222222222', x'01711220' || zeroblob(32), 7, x'a0'),
    (5, 4, 1, '5', '2222222222222', x'01711220' || zeroblob(32), 7, x'a0'),
    (6, 2, 2, '6', null, null, null, null);
insert into g1_status values
    (1, 1, 1, 'r1', 'c1', 7, 'up', 100, null, 1.5, '{"a":1}', 1, x'00ff'),
    (2, 3, 1, 'r3', 'c3', 7, 'down', 200, 1, null, null, 0, null),
    (3, 2, 1, 'r2', 'c2', 7, 'up', 200, 1, -2.0, null, 1, null),
    (4, 1, 1, 'r4', 'c4', 7, 'a_b%', 300, null, 0.5, null, 0, null),
    (5, 4, 1, 'r5', 'c5', 7, 'up', 400, null, null, null, 1, null);
insert into g1_likes values (6, 0, 1, 2, 1, 10), (7, 0, 1, 3, 1, 20), (8, 0, 1, 4, 1, 30), (9, 0, 1, 1, 3, 40),
    (10, 0, 0, 1, 3, 50);
insert into g1_by_status values ('up', 2), ('down', 1), ('a_b%', 1);
insert into g1_by_subject values (1, 2), (3, 1);
"#;

/// The database at a path of its own.
pub(in crate::store::sqlite) struct Database {
    /// The connection that writes.
    pub(in crate::store::sqlite) writer: SqliteConnection,
    /// The read-only ones.
    pub(in crate::store::sqlite) pool: SqlitePool,
    _dir: tempfile::TempDir,
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
}

impl Database {
    /// A new one, with as many read-only connections as asked for.
    pub(in crate::store::sqlite) async fn open(readers: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let mut writer = options(&path)
            .create_if_missing(true)
            .connect()
            .await
            .unwrap();
        for sql in [SPINE, TABLES] {
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
    pub(in crate::store::sqlite) async fn write(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut self.writer)
            .await
            .unwrap();
    }

    /// A session with some reads, each called by its place.
    pub(super) fn session(&self, reads: &[&CompiledRead]) -> SqliteReadSession {
        let named = reads
            .iter()
            .enumerate()
            .map(|(at, read)| (at.to_string(), (*read).clone()));
        SqliteReadSession::new(self.pool.clone(), Arc::new(named.collect::<Reads>()))
    }
}

/// Compiles a read on the shared schema; see [`read`].
pub(in crate::store::sqlite) fn compiled(params: &str, returns: &str, sql: &str) -> CompiledRead {
    compile(&read(params, returns, sql), &schema()).unwrap_or_else(|e| panic!("{sql}: {e}"))
}
