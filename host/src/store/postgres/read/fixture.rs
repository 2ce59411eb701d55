//! A Postgres database for tests of reads: the host's schema, one generation's tables and views, and the rows that every
//! database has in these tests. Its own order of text is a language's, which no read may ever show.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _};

use super::super::connection;
use super::PostgresReadSession;
use crate::store::gate::{CompiledRead, Dialect};
use crate::store::read::ReadSession;
use crate::store::reading::Reads;
use crate::store::trial::rows;

const HOST: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../migrations/postgres/0001_host.sql"
));

const TABLES: &str = r#"
create table g1_status (_u bigint primary key, _d bigint not null, _pos bigint not null, _rev text collate "C" not null,
    _cid text collate "C" not null, _seen bigint not null, status text collate "C" not null, created_at bigint not null, subject bigint,
    score double precision, extra text collate "C", open boolean not null, raw bytea);
create index g1_status_1 on g1_status (created_at desc, _u desc);
create index g1_status_2 on g1_status (status);
create index g1_status_3 on g1_status (subject);
create view g1_status_v as select _u, _d, _rev, _cid, _seen, status, created_at, subject, score, extra, open, raw
    from g1_status
    where not exists (select 1 from hidden where hidden.did_id = g1_status._d offset 0)
      and not exists (select 1 from record join hidden on hidden.did_id = record.did_id
                      where record.id = g1_status.subject offset 0);
create table g1_likes (_u bigint not null, _n bigint not null, _w bigint not null, _d bigint not null,
    subject bigint not null, created_at bigint not null, primary key (_u, _n));
create index g1_likes_1 on g1_likes (subject, created_at desc);
create view g1_likes_v as select _u, _d, subject, created_at from g1_likes
    where _w = 1 and not exists (select 1 from hidden where hidden.did_id = g1_likes._d offset 0);
create table g1_by_status (status text collate "C" not null, n bigint not null, primary key (status));
create index g1_by_status_1 on g1_by_status (n desc);
create view g1_by_status_v as select status, n from g1_by_status;
create table g1_by_subject (subject bigint not null, n bigint not null, primary key (subject));
create view g1_by_subject_v as select subject, n from g1_by_subject;
create table g1_numbers (id bigint primary key, n bigint, x double precision, t text collate "C", b bytea);
create view g1_numbers_v as select id, n, x, t, b from g1_numbers;
"#;

/// What the role of a generation may read.
const READABLE: &str = "g1_status_v, g1_likes_v, g1_by_status_v, g1_by_subject_v, g1_numbers_v, host_record_v, \
                        host_account_v";

/// A database of one test's own, dropped with this handle.
pub(in crate::store) struct Database {
    /// The connection that writes.
    pub(in crate::store) writer: PgConnection,
    /// The read-only ones.
    pub(in crate::store) pool: PgPool,
    /// Its name.
    pub(in crate::store) name: String,
}

/// The server that tests share.
pub(super) fn server() -> String {
    std::env::var("AVIARY_TEST_POSTGRES")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into())
}

async fn run(c: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(c)
        .await
        .unwrap_or_else(|e| panic!("{sql:.300}: {e}"));
}

impl Database {
    /// A new one, with as many read-only connections as asked for.
    pub(in crate::store) async fn open(readers: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // As the cases' own databases are called: what a killed run leaves is swept with theirs.
        let name = format!("aviary_test_{}_{number:04}", std::process::id());
        let mut c = PgConnection::connect(&server()).await.unwrap();
        let create = format!(
            "create database {name} template template0 encoding 'UTF8' locale_provider icu icu_locale 'en-US'"
        );
        run(&mut c, &create).await;
        c.close().await.unwrap();
        let server = server();
        let (address, _) = server.rsplit_once('/').unwrap();
        let url = format!("{address}/{name}");
        let mut writer = PgConnection::connect(&url).await.unwrap();
        let role = role(&name);
        let script = [
            "create schema aviary; set search_path = aviary",
            HOST,
            TABLES,
            &rows(Dialect::Postgres),
            &format!("create role {role} nologin; grant {role} to current_user"),
            &format!(
                "grant usage on schema aviary to {role}; grant select on {READABLE} to {role}"
            ),
            &format!(
                "grant select (id, did) on did to {role}; grant select (id, nsid) on collection to {role}"
            ),
            &format!("grant select (id, did_id, coll_id, rkey) on record to {role}"),
        ];
        for sql in script {
            run(&mut writer, sql).await;
        }
        let options = connection::reading(&url, "aviary").unwrap();
        let pool = PgPoolOptions::new().max_connections(readers);
        Self {
            writer,
            pool: pool.connect_with(options).await.unwrap(),
            name,
        }
    }

    /// Runs SQL that changes something.
    pub(in crate::store) async fn write(&mut self, sql: &str) {
        run(&mut self.writer, sql).await;
    }

    /// A session with some reads, each called by its place.
    pub(in crate::store) fn session(&self, reads: &[&CompiledRead]) -> Box<dyn ReadSession> {
        let named = reads
            .iter()
            .enumerate()
            .map(|(at, read)| (at.to_string(), (*read).clone()));
        let reads = Arc::new(named.collect::<Reads>());
        let role = role(&self.name);
        Box::new(PostgresReadSession::new(self.pool.clone(), reads, role))
    }
}

/// Who the reads of a test's database run as.
pub(in crate::store) fn role(database: &str) -> String {
    format!("{database}_reads")
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.name.clone();
        // The test's own runtime may be about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let mut c = PgConnection::connect(&server()).await.unwrap();
                run(&mut c, &format!("drop database {name} with (force)")).await;
                run(&mut c, &format!("drop role {}", role(&name))).await;
            });
        });
        // A panic while another one is under way would abort; the next run sweeps.
        dropping.join().ok();
    }
}
