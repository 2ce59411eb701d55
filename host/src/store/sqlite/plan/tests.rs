use super::super::planned;
use super::super::read::fixture::{Database, compiled};
use super::*;
use crate::store::gate::fixture::SERVED;

async fn objection_to(db: &mut Database, params: &str, returns: &str, sql: &str) -> Option<String> {
    let read = compiled(params, returns, sql);
    match check_plan(&mut db.writer, &read).await {
        Ok(()) => None,
        Err(StoreError::Refused(message)) => Some(message),
        Err(other) => panic!("{sql}: {other}"),
    }
}

#[tokio::test]
async fn reads_that_an_index_serves_are_accepted() {
    let mut db = Database::open(1).await;
    for (params, returns, sql) in SERVED {
        let objection = objection_to(&mut db, params, returns, sql).await;
        assert_eq!(objection, None, "{sql}");
    }
}

#[tokio::test]
async fn a_page_searches_its_index_and_sorts_only_ties() {
    let mut db = Database::open(1).await;
    let read = compiled(
        "time, at-uri, integer",
        "u at-uri, d did",
        "select _uri, _did from status where (created_at, _uri) < ($1, $2) order by created_at desc, _uri desc limit $3",
    );
    let plan = planned::steps(&mut db.writer, &read.sql).await;
    let all = plan.join("\n");
    assert!(
        all.contains("USING INDEX g1_status_1 (created_at<?)"),
        "{all}"
    );
    assert!(
        all.contains("USE TEMP B-TREE FOR LAST TERM OF ORDER BY"),
        "{all}"
    );
    assert!(!all.contains("USE TEMP B-TREE FOR ORDER BY"), "{all}");
}

/// Parameters, columns, SQL, and what the refusal has to say.
const WALKS: &[(&str, &str, &str, &str)] = &[
    (
        "",
        "n integer",
        "select count(*) from status",
        "whole table status: narrow it",
    ),
    (
        "",
        "n integer",
        "select count(*) from status",
        "declare a count in [[counts]]",
    ),
    (
        "",
        "n integer",
        "select count(*) from by_status where n > n - 1",
        "by_status",
    ),
    (
        "real",
        "u at-uri",
        "select _uri from status where score > $1",
        r#"whole table status: declare an index such as indexes = [["score"]]"#,
    ),
    (
        "text",
        "u at-uri",
        "select _uri from status where _did = $1",
        "whole table status",
    ),
    (
        "did",
        "u at-uri",
        "select _uri from status where _did = $1 order by score desc nulls last",
        r#"[["_did", "score desc"]]"#,
    ),
    (
        "",
        "u at-uri",
        "select _uri from status order by created_at desc",
        "add ORDER BY and LIMIT",
    ),
    ("", "u at-uri", "select _uri from status limit 5", "status"),
    (
        "",
        "s text, n integer",
        "select status, count(*) from status group by status order by 2 desc limit 5",
        "all of status",
    ),
    (
        "at-uri",
        "n integer",
        "select count(*) from status a join likes b on a._did = b._did where b.subject = $1",
        "whole table status",
    ),
    (
        "",
        "n integer",
        "select 1 where exists (select 1 from likes where created_at > 5)",
        "likes",
    ),
    (
        "",
        "u at-uri",
        "select x.u from (select _uri as u from status) x order by x.u limit 1",
        "status",
    ),
    (
        "",
        "n integer",
        "select n from by_status where n in (select count(*) from likes)",
        "likes",
    ),
];

#[tokio::test]
async fn walks_through_a_table_are_refused_with_advice() {
    let mut db = Database::open(1).await;
    for (params, returns, sql, expected) in WALKS {
        let objection = objection_to(&mut db, params, returns, sql).await;
        let message = objection.unwrap_or_else(|| panic!("{sql} was accepted"));
        assert!(message.contains(expected), "{sql}\n  {message}");
        assert!(message.starts_with("read \"r\": "), "{message}");
    }
}

#[tokio::test]
async fn what_sqlite_does_not_accept_is_an_error_at_load() {
    let mut db = Database::open(1).await;
    let mut read = compiled(
        "",
        "n integer",
        "select n from by_status where status = 'up'",
    );
    check_plan(&mut db.writer, &read).await.unwrap();
    db.write("drop view g1_by_status_v").await;
    let error = check_plan(&mut db.writer, &read).await.unwrap_err();
    assert!(error.to_string().contains("no such table"), "{error}");
    read.sql = "select 1".into();
    check_plan(&mut db.writer, &read).await.unwrap();
}
