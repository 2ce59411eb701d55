use aviary_manifest::ParamType;
use sqlx::AssertSqlSafe;

use super::super::read::arguments;
use super::super::read::fixture::{Database, role};
use super::*;
use crate::atproto::{AtUri, Did};
use crate::store::gate::fixture::{SERVED, read, schema};
use crate::store::gate::{Dialect, compile};
use crate::store::read::Param;
use crate::store::rows::Value;

/// Tables that are large, with the statistics that a server has of them; more accounts are hidden than they have.
async fn grown() -> Database {
    let mut db = Database::open(1).await;
    db.write(
        "insert into did select i, 'did:plc:' || i from generate_series(5, 5000) as k(i);
         insert into hidden select i from generate_series(2000, 5000) as k(i);
         insert into record (id, did_id, coll_id, rkey, cid) select i, 5 + i % 500, 1, 'k' || i, ''
           from generate_series(100, 20000) as k(i);
         insert into g1_status select i, 5 + i % 500, 1, 'r', 'c', 7, 's' || i % 2000, i, i % 3000, null, null, true, null
           from generate_series(100, 20000) as k(i);
         insert into g1_likes select i, 0, 1, 5 + i % 500, i % 3000, i from generate_series(100, 20000) as k(i);
         insert into g1_by_status select 's' || i, i from generate_series(1, 20000) as k(i);
         insert into g1_by_subject select i, i from generate_series(100, 20000) as k(i);
         analyze",
    )
    .await;
    db
}

fn some(param: &ParamType) -> Param {
    let uri = || AtUri::parse("at://did:plc:zed/x.y.status/1").unwrap();
    let value = match param.ty {
        ColumnType::Integer => Value::Integer(10),
        ColumnType::Time => Value::Time(19_000),
        ColumnType::Did => Value::Did(Did::parse("did:plc:zed").unwrap()),
        ColumnType::AtUri => Value::Uri(uri()),
        _ => Value::Text("s12".into()),
    };
    if param.list {
        Param::Many(vec![value.clone(), value])
    } else {
        Param::One(value)
    }
}

async fn plan_of(db: &mut Database, params: &str, returns: &str, sql: &str) -> String {
    let read = read(params, returns, sql);
    let compiled = compile(&read, &schema(), Dialect::Postgres).unwrap();
    let params: Vec<Param> = read.params.iter().map(some).collect();
    let values = arguments(&mut db.writer, &compiled, &params).await.unwrap();
    let sql = AssertSqlSafe(format!("explain (costs off) {}", compiled.sql));
    let lines: Vec<String> = sqlx::query_scalar_with(sql, values)
        .fetch_all(&mut db.writer)
        .await
        .unwrap();
    lines.join("\n")
}

#[tokio::test]
async fn what_an_index_serves_is_served_by_it() {
    let mut db = grown().await;
    let walk = plan_of(
        &mut db,
        "",
        "n integer",
        "select count(*) from status where score > 1",
    )
    .await;
    assert!(walk.contains("Seq Scan"), "{walk}");
    // Where a walk is cheaper than an index for once, the question is whether the index could do it.
    db.write("set enable_seqscan = off").await;
    for (params, returns, sql) in SERVED {
        let plan = plan_of(&mut db, params, returns, sql).await;
        assert!(!plan.contains("Seq Scan"), "{sql}\n{plan}");
    }
}

#[tokio::test]
async fn a_page_walks_its_index_and_sorts_only_ties() {
    let mut db = grown().await;
    let (params, returns, sql) = SERVED[0];
    let plan = plan_of(&mut db, params, returns, sql).await;
    assert!(plan.contains("Incremental Sort"), "{plan}");
    assert!(
        plan.contains("Presorted Key: g1_status.created_at"),
        "{plan}"
    );
    assert!(plan.contains("Index Scan using g1_status_1"), "{plan}");
    assert!(plan.contains("Index Cond: (created_at <= "), "{plan}");
}

#[tokio::test]
async fn what_postgres_does_not_accept_is_an_error_at_load() {
    let mut db = Database::open(1).await;
    let role = role(&db.name);
    let read = read("text, integer[], boolean, real, bytes, did[], text[]", "n integer",
        "select n from by_status b where status = $1 and n in ($2) and exists (select 1 from status s
           where s.open = $3 and s.score > $4 and s.raw = $5 and s._did in ($6) and starts_with(s.status, $1)
             and s.status in ($7))");
    let compiled = compile(&read, &schema(), Dialect::Postgres).unwrap();
    let mut tx = db.writer.begin().await.unwrap();
    check(&mut tx, &role, &compiled).await.unwrap();
    let mut run = async |sql: String| {
        let mut inner = tx.begin().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *inner)
            .await
            .unwrap();
        let refused = check(&mut inner, &role, &compiled).await.unwrap_err();
        inner.rollback().await.unwrap();
        refused.to_string()
    };
    let denied = run(format!("revoke select on g1_by_status_v from {role}")).await;
    assert!(
        denied.contains("read \"r\"") && denied.contains("permission denied"),
        "{denied}"
    );
    let missing = run("drop view g1_by_status_v".into()).await;
    assert!(missing.contains("does not exist"), "{missing}");
    let other = run("drop view g1_by_status_v; create view g1_by_status_v as select status, n::text as n from g1_by_status;
        grant select on g1_by_status_v to public".into()).await;
    assert!(other.contains("operator does not exist"), "{other}");
    // The role went with each check.
    let who: bool = sqlx::query_scalar("select current_user = session_user")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert!(who);
}
