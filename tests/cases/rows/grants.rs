//! What a generation is made of in Postgres: a role that may read and nothing else, statements that go by indexes, and
//! what the database's user has to be allowed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aviary::clock::Clock;
use aviary::store::postgres::{PostgresOptions, PostgresStore};
use aviary::store::{Effect, Store, StoreError};
use aviary_tests::backend::{Backend, Place};
use aviary_tests::services::PrivateDatabase;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio_util::sync::CancellationToken;

use super::plugin::{effect, manifests, registration};
use super::tables::Bed;
use super::world::World;

fn database(place: &Place) -> &PrivateDatabase {
    match place {
        Place::Postgres(database) => database,
        Place::Sqlite(_) => unreachable!("these cases are about Postgres"),
    }
}

async fn run(c: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(c)
        .await
        .map(|_| ())
}

async fn open(url: String) -> PostgresStore {
    let options = PostgresOptions {
        url,
        schema: "aviary".into(),
        partitions: 1,
        clock: Clock::system(),
    };
    PostgresStore::open(options).await.unwrap()
}

/// The same server and database as somebody who may log in, with what `may` grants.
async fn as_somebody(database: &PrivateDatabase, may: &str) -> String {
    let name = database.name();
    let mut c = PgConnection::connect(database.url()).await.unwrap();
    let sql = format!(
        "create role {name}_user login password 'secret' {may}; grant create on database {name} to {name}_user"
    );
    run(&mut c, &sql).await.unwrap();
    let (_, rest) = database.url().split_once('@').unwrap();
    format!("postgres://{name}_user:secret@{rest}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_may_make_no_roles_is_told_what_to_grant() {
    let database = PrivateDatabase::new().await;
    let url = as_somebody(&database, "nocreaterole").await;
    let store = open(url.clone()).await;
    assert!(store.own(&CancellationToken::new()).await.unwrap());
    let [posts, ..] = manifests();
    let refused = store.register(registration(posts.clone(), "d1")).await;
    let Err(StoreError::Refused(message)) = refused else {
        panic!("{refused:?}")
    };
    assert!(message.contains("createrole"), "{message}");
    let mut c = PgConnection::connect(database.url()).await.unwrap();
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from pg_namespace where nspname like 'aviary_g%') \
              + (select count(*) from aviary.generation)",
    )
    .fetch_one(&mut c)
    .await
    .unwrap();
    assert_eq!(left, 0, "whole or nothing");

    let grant = format!("alter role {}_user createrole", database.name());
    run(&mut c, &grant).await.unwrap();
    let made = store.register(registration(posts.clone(), "d1")).await;
    assert!(made.unwrap().is_new);
    // The same user may also retire what it made.
    let next = store.register(registration(posts, "d2")).await.unwrap();
    assert!(next.is_new);
    store.close().await;
    run(
        &mut c,
        &format!("drop owned by {}_user cascade", database.name()),
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_that_name_that_can_do_more_is_refused() {
    let place = Place::new(Backend::Postgres).await;
    let store = place.open(1).await;
    let [posts, ..] = manifests();
    let role = format!("{}_aviary_g1", database(&place).name());
    place.execute(&format!("create role {role} login")).await;
    let refused = store.register(registration(posts.clone(), "d1")).await;
    let Err(StoreError::Refused(message)) = refused else {
        panic!("{refused:?}")
    };
    assert!(message.contains(&role), "{message}");
    place.execute(&format!("drop role {role}")).await;
    let made = store.register(registration(posts.clone(), "d1")).await;
    assert_eq!(made.unwrap().id, 1, "the refusal used up no number");

    // A database that was restored on another server has the schemas and not the roles.
    place
        .execute(&format!("drop owned by {role}; drop role {role}"))
        .await;
    let again = store.register(registration(posts, "d1")).await.unwrap();
    assert!(!again.is_new);
    let shown = format!("set role {role}; select count(*) from aviary_g1.v_post");
    place.execute(&shown).await;
}

/// The role is what a read runs as; what it may not see, no SQL that slips through a gate can show.
#[tokio::test(flavor = "multi_thread")]
async fn a_generations_role_reads_its_own_views_and_addresses_only() {
    let bed = Bed::new(Backend::Postgres).await;
    let database = database(&bed.place);
    let role = format!("{}_aviary_g1", database.name());
    let mut c = PgConnection::connect(database.url()).await.unwrap();
    run(&mut c, &format!("set role {role}")).await.unwrap();
    for allowed in [
        "select count(*) from aviary_g1.v_post",
        "select count(*) from aviary_g1.v_by_lang",
        "select count(*) from aviary.host_record_v",
        "select count(*) from aviary.host_account_v",
        "select id, did from aviary.did",
        "select id, nsid from aviary.collection",
        "select id, did_id, coll_id, rkey from aviary.record",
    ] {
        run(&mut c, allowed).await.unwrap();
    }
    for forbidden in [
        "select count(*) from aviary_g1.t_post",
        "select count(*) from aviary_g2.v_tag",
        "select body from aviary.record",
        "select count(*) from aviary.hidden",
        "select count(*) from aviary.account",
        "select count(*) from aviary.dead_letter",
        "select count(*) from aviary.generation",
        "delete from aviary_g1.v_post",
        "insert into aviary_g1.v_by_lang values ('x', 1)",
        "update aviary.did set did = ''",
        "create table aviary_g1.mine (a int)",
        "drop view aviary_g1.v_post",
        "create role another",
    ] {
        let error = run(&mut c, forbidden).await.unwrap_err();
        let state = error.as_database_error().and_then(|e| e.code());
        // 42501: insufficient privilege.
        assert_eq!(state.as_deref(), Some("42501"), "{forbidden}: {error}");
    }
}

/// A plan is made while a table is small and stays: what walks through a table costs what the table holds.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_of_a_unit_walks_through_a_table() {
    let world = World::seeded(31, 300);
    let mut bed = Bed::new(Backend::Postgres).await;
    let mut units = 0;
    for events in world.events.chunks(20) {
        let changes = bed.archive(events).await;
        for plugin in 0..bed.plugins.len() {
            let effects: Vec<(Arc<_>, Effect)> = changes
                .iter()
                .filter(|c| bed.wants(plugin, c))
                .map(|c| (Arc::clone(c), effect(c)))
                .collect();
            let unit = bed.unit(plugin, effects);
            bed.apply(plugin, unit).await.unwrap();
            units += 1;
        }
    }
    assert_eq!(units, 45);
    // Connections tell what they did when they close, at the latest.
    bed.store.close().await;
    let started = Instant::now();
    let tables = "from pg_stat_user_tables where schemaname like 'aviary_g%'";
    let seen = loop {
        let idle = bed
            .place
            .texts(&format!(
                "select relname::text {tables} and coalesce(idx_scan, 0) = 0"
            ))
            .await;
        if idle.is_empty() {
            break bed.place.number(&format!("select count(*) {tables}")).await;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{idle:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(seen, 10, "four tables and six counts");
    let walked = bed
        .place
        .texts(&format!(
            "select relname::text {tables} and seq_tup_read > 0"
        ))
        .await;
    assert!(walked.is_empty(), "{walked:?}");
}
