//! What Postgres itself keeps from a plugin's reads, below the gate: SQL as it would be if nothing had checked it, run as
//! the role that a generation's reads run as.

use aviary_tests::backend::{Backend, Place};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::{LIKES, STATUSPHERE, registration};

/// SQLSTATEs: a privilege that is missing, and writing where only reading is.
const DENIED: &str = "42501";
const READ_ONLY: &str = "25006";

/// What the role must not do, and what Postgres has to say.
const FORBIDDEN: &[(&str, &str)] = &[
    // The host's tables.
    ("select count(*) from account", DENIED),
    ("select body from record", DENIED),
    ("select cid, rev from record", DENIED),
    ("select * from record", DENIED),
    ("select * from hidden", DENIED),
    ("select manifest from generation", DENIED),
    ("select * from aviary.dead_letter", DENIED),
    ("select value from meta", DENIED),
    ("table lease", DENIED),
    // Its own tables below the views: they hold rows of hidden accounts.
    ("select * from aviary_g1.t_statuses", DENIED),
    ("select * from aviary_g1.t_by_status", DENIED),
    // Another plugin's.
    ("select * from aviary_g2.v_likes", DENIED),
    ("select * from aviary_g2.t_likes", DENIED),
    // The server's.
    ("select * from pg_catalog.pg_authid", DENIED),
    ("select * from pg_catalog.pg_shadow", DENIED),
    ("select * from pg_catalog.pg_statistic", DENIED),
    ("select pg_read_file('/etc/passwd')", DENIED),
    ("select pg_ls_dir('.')", DENIED),
    ("copy (select 1) to program 'true'", DENIED),
    ("copy (select 1) to '/tmp/aviary-must-not-exist'", DENIED),
    // Writing, in the transaction that reads run in.
    ("insert into did (did) values ('did:plc:x')", READ_ONLY),
    ("delete from aviary_g1.t_statuses", READ_ONLY),
    ("create table aviary.x (a integer)", READ_ONLY),
    ("create temp table x (a integer)", READ_ONLY),
    ("drop view aviary_g1.v_statuses", READ_ONLY),
    ("select nextval('did_id_seq')", DENIED),
];

/// What the role is for.
const ALLOWED: &[&str] = &[
    "select count(*) from aviary_g1.v_statuses",
    "select count(*) from aviary_g1.v_by_status",
    "select count(*) from host_record_v",
    "select count(*) from host_account_v",
    "select count(did) from did where id > 0",
    "select count(nsid) from collection where id > 0",
    "select count(rkey) from record where id > 0 and did_id > 0 and coll_id > 0",
];

/// Runs a statement as a session of reads would; gives the SQLSTATE of its error.
async fn as_role(c: &mut PgConnection, role: &str, sql: &str) -> Option<String> {
    let begin = format!("begin read only; set local role \"{role}\"");
    c.execute(sqlx::raw_sql(AssertSqlSafe(begin)))
        .await
        .unwrap();
    let done = c.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    c.execute("rollback").await.unwrap();
    let error = done.err()?;
    let state = error.as_database_error().and_then(|e| e.code());
    Some(state.map_or_else(|| error.to_string(), Into::into))
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_a_plugins_role_to_its_views() {
    let place = Place::new(Backend::Postgres).await;
    let store = place.open(1).await;
    for (toml, expected) in [(STATUSPHERE, 1), (LIKES, 2)] {
        let generation = store.register(registration(toml)).await.unwrap();
        assert_eq!(generation.id, expected);
    }
    let Place::Postgres(database) = &place else {
        panic!("not Postgres");
    };
    let role = format!("{}_aviary_g1", database.name());
    let mut c = PgConnection::connect(database.url()).await.unwrap();
    c.execute("set search_path = aviary").await.unwrap();
    for sql in ALLOWED {
        assert_eq!(as_role(&mut c, &role, sql).await, None, "{sql}");
    }
    for (sql, expected) in FORBIDDEN {
        let state = as_role(&mut c, &role, sql).await;
        assert_eq!(state.as_deref(), Some(*expected), "{sql}");
    }
    assert_eq!(
        place
            .number("select count(*) from did where did = 'did:plc:x'")
            .await,
        0
    );
}
