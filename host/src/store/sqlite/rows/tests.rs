use std::sync::Arc;

use aviary_manifest::Manifest;
use sqlx::AssertSqlSafe;

use super::super::{connection, migrate, planned};
use super::*;
use crate::atproto::{AtUri, Cid, Tid};
use crate::store::feed::{Change, ChangeState};
use crate::store::rows::{Advance, Effect, Put, Registration, Value};

const MANIFEST: &str = r#"
name = "likes"
version = "0.1.0"
api = "0.1"
collections = ["test.rows.like"]
[[tables]]
name = "liked"
columns = ["subject at-uri", "note text"]
key = ["_did", "subject", "note"]
[[tables]]
name = "plain"
columns = ["note text"]
key = ["_uri"]
[[counts]]
name = "by_subject"
table = "liked"
by = ["subject", "note"]
"#;

async fn prepared(dir: &tempfile::TempDir) -> (SqliteConnection, GenerationTables) {
    let path = dir.path().join("a.db");
    let mut c = connection::open_writer(&path).await.unwrap();
    migrate::run(&mut c).await.unwrap();
    let registration = Registration {
        manifest: Arc::new(Manifest::from_toml(MANIFEST).unwrap()),
        digest: "d".into(),
    };
    let made = generation::register(&mut c, 1, &registration, 1).await;
    (c, made.unwrap().tables)
}

/// A like with a long note.
async fn like(c: &mut SqliteConnection, intern: &mut Interner, n: usize) -> (Arc<Change>, Effect) {
    let uri = format!("at://did:web:a.example/test.rows.like/r{n}");
    let uri = AtUri::parse(&uri).unwrap();
    let did_id = intern
        .dids(c, std::slice::from_ref(&uri.did))
        .await
        .unwrap()[0];
    let record_id = intern.uris(c, std::slice::from_ref(&uri)).await.unwrap()[0];
    let state = ChangeState::Live {
        rev: Tid::parse("2222222222222").unwrap(),
        cid: Cid::of_dag_cbor(b"\xa0"),
        seen_us: 1,
        body: bytes::Bytes::from_static(b"\xa0"),
    };
    let row = vec![Value::Uri(uri.clone()), Value::Text("n".repeat(1_000))];
    let change = Change::new((0, 1), (record_id, did_id), uri, state);
    (Arc::new(change), Effect::Rows(vec![Put { table: 0, row }]))
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_no_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let (mut c, tables) = prepared(&dir).await;
    let mut intern = Interner::new();
    let mut effects = Vec::new();
    for n in 0..200 {
        effects.push(like(&mut c, &mut intern, n).await);
    }
    let unit = IndexUnit {
        generation: tables.shape.id,
        advances: vec![Advance {
            partition: 0,
            from: 0,
            to: 1,
        }],
        effects,
        now_us: 1,
    };
    let pages: i64 = sqlx::query_scalar("pragma page_count")
        .fetch_one(&mut c)
        .await
        .unwrap();
    let limit = |pages: i64| AssertSqlSafe(format!("pragma max_page_count = {pages}"));
    sqlx::raw_sql(limit(pages + 5))
        .execute(&mut c)
        .await
        .unwrap();
    sqlx::query("begin immediate")
        .execute(&mut c)
        .await
        .unwrap();
    let error = apply(&mut c, &mut intern, &tables, &unit)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable(m) if m.contains("full")),
        "{error}"
    );
    // SQLite may have rolled back by itself.
    drop(sqlx::query("rollback").execute(&mut c).await);
    intern.forget();
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from dead_letter) + (select count(*) from g1_liked) + (select pos from position)",
    )
    .fetch_one(&mut c)
    .await
    .unwrap();
    assert_eq!(left, 0);
    sqlx::raw_sql(limit(1_000_000))
        .execute(&mut c)
        .await
        .unwrap();
    let applied = apply(&mut c, &mut intern, &tables, &unit).await.unwrap();
    let all = Applied {
        rows: 200,
        ..Applied::default()
    };
    assert_eq!(applied, all);
}

/// A statement that walks through a plugin's table would make each unit cost what the table holds.
#[tokio::test]
async fn no_statement_of_a_unit_walks_through_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let (mut c, tables) = prepared(&dir).await;
    let mut texts: Vec<String> = Vec::new();
    for table in &tables.tables {
        texts.push(table.remove.to_string());
        texts.push(table.insert.text(&(0..64)).0.to_string());
        if let Some(claims) = &table.claims {
            texts.push(claims.rivals.text(&(0..64)).0.to_string());
            texts.push(claims.turn.text(&(0..64)).0.to_string());
        }
        for count in &table.counts {
            texts.push(count.add.text(&(0..64)).0.to_string());
            texts.push(count.clear.text(&(0..64)).0.to_string());
        }
    }
    assert_eq!(texts.len(), 8);
    let mut searches = 0;
    for text in texts {
        for step in planned::steps(&mut c, &text).await {
            let made = ["CONSTANT ROW", "VALUES CLAUSE", "json_each", "SCAN k"];
            let is_walk = step.starts_with("SCAN") && !made.iter().any(|m| step.contains(m));
            assert!(!is_walk, "{step} in {text}");
            searches += i32::from(step.starts_with("SEARCH"));
        }
    }
    assert!(searches >= 5, "{searches}");
}
