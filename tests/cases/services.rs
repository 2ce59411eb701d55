//! What the cases have of Postgres and Redis: places of their own that leave nothing behind, and servers to harm.

use aviary_tests::services::{
    self, PrivateDatabase, PrivatePostgres, PrivateRedis, postgres_url, redis_url,
};
use redis::Commands;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

async fn exists(sql: &str, name: &str) -> bool {
    let mut server = PgConnection::connect(&postgres_url()).await.unwrap();
    let found: bool = sqlx::query_scalar(AssertSqlSafe(format!("select exists ({sql})")))
        .bind(name)
        .fetch_one(&mut server)
        .await
        .unwrap();
    found
}

#[tokio::test]
async fn a_database_goes_with_its_roles_and_its_connections() {
    let (one, two) = (PrivateDatabase::new().await, PrivateDatabase::new().await);
    assert_ne!(one.name(), two.name());
    let (name, role) = (one.name().to_owned(), format!("{}_reader", one.name()));
    let mut open = PgConnection::connect(one.url()).await.unwrap();
    for sql in [
        format!("create role {role}"),
        "create table t (n int)".to_owned(),
        format!("grant select on t to {role}"),
    ] {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut open)
            .await
            .unwrap();
    }
    let (databases, roles) = (
        "select from pg_database where datname = $1",
        "select from pg_roles where rolname = $1",
    );
    assert!(exists(databases, &name).await && exists(roles, &role).await);
    drop(one);
    assert!(!exists(databases, &name).await && !exists(roles, &role).await);
    assert!(exists(databases, two.name()).await, "the other one stays");
}

#[test]
fn keys_go_with_their_prefix() {
    let mut redis = redis::Client::open(redis_url())
        .unwrap()
        .get_connection()
        .unwrap();
    let (one, two) = (services::redis_prefix(), services::redis_prefix());
    let keys = [
        format!("{}:a", one.as_str()),
        format!("{{{}:0}}", one.as_str()),
    ];
    let other = format!("{}:a", two.as_str());
    for key in keys.iter().chain([&other]) {
        let () = redis.set(key, 1).unwrap();
    }
    drop(one);
    assert_eq!(redis.exists::<_, usize>(&keys).unwrap(), 0);
    assert_eq!(redis.exists::<_, usize>(&other).unwrap(), 1);
}

#[tokio::test]
async fn a_postgres_that_is_killed_keeps_what_it_committed() {
    let mut postgres = PrivatePostgres::start(&[]).await;
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    for sql in ["create table t (n int)", "insert into t values (1)"] {
        sqlx::query(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    postgres.kill().await;
    let lost = sqlx::query("insert into t values (2)")
        .execute(&mut connection)
        .await;
    assert!(lost.is_err(), "it was killed");
    postgres.restart().await;
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    let kept: Vec<i32> = sqlx::query_scalar("select n from t")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept, [1]);
}

#[tokio::test]
async fn a_redis_that_is_killed_keeps_its_log() {
    let written = ["--appendonly", "yes", "--appendfsync", "always"];
    for (args, kept) in [(&written as &[&str], 1), (&[], 0)] {
        let mut redis = PrivateRedis::start(args).await;
        let set = |mut connection: redis::aio::MultiplexedConnection| async move {
            let mut set = redis::cmd("SET");
            set.arg("k").arg("v");
            set.query_async::<()>(&mut connection).await
        };
        set(redis.connect().await).await.unwrap();
        redis.restart().await;
        let mut exists = redis::cmd("EXISTS");
        exists.arg("k");
        let mut connection = redis.connect().await;
        let found: i64 = exists.query_async(&mut connection).await.unwrap();
        assert_eq!(found, kept);
    }
}
