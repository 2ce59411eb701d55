//! What a session bounds, and what it leaves when a bound is met.

use super::words::{one, uri};
use crate::atproto::AtUri;
use crate::limits;
use crate::store::error::StoreError;
use crate::store::gate::{CompiledRead, Dialect};
use crate::store::read::{Param, ReadSession};
use crate::store::rows::Value;
use crate::store::trial::{Trial, on_both};

on_both!(
    a_read_that_does_not_end_is_stopped_and_the_connection_goes_on,
    a_read_that_was_given_up_frees_its_connection,
    an_error_leaves_the_snapshot_of_the_session,
    a_million_rows_are_an_error_and_not_a_cut,
    too_many_bytes_are_an_error,
    reads_of_one_session_see_one_snapshot,
    records_are_the_visible_ones_in_the_order_asked_for,
    parameters_that_do_not_fit_are_refused,
    a_session_cannot_write,
);

/// A read that counts further than anybody waits.
fn endless(db: &Trial) -> CompiledRead {
    db.compiled(
        "",
        "n integer",
        "with recursive x(n) as (select 1 union all select n + 1 from x) select count(*) from x",
    )
}

fn statuses(db: &Trial) -> CompiledRead {
    db.compiled("", "n integer", "select count(*) from status")
}

async fn count(session: &mut dyn ReadSession, name: &str) -> Vec<Vec<Value>> {
    session.run(name, Vec::new()).await.unwrap().rows
}

async fn a_read_that_does_not_end_is_stopped_and_the_connection_goes_on(dialect: Dialect) {
    let db = Trial::open(dialect, 1).await;
    let mut session = db.session(&[&endless(&db), &statuses(&db)]);
    let error = session.run("0", Vec::new()).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadTimeout { .. }), "{error}");
    assert_eq!(count(&mut *session, "1").await, [[Value::Integer(4)]]);
    drop(session);
    let mut next = db.session(&[&statuses(&db)]);
    assert_eq!(count(&mut *next, "0").await, [[Value::Integer(4)]]);
}

async fn a_read_that_was_given_up_frees_its_connection(dialect: Dialect) {
    let db = Trial::open(dialect, 1).await;
    let give_up = async |session: &mut dyn ReadSession, name: &str| {
        let mut run = session.run(name, Vec::new());
        // Far enough for the statement to run, never to its end.
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), &mut run).await;
        assert!(waited.is_err());
    };
    let mut session = db.session(&[&endless(&db)]);
    give_up(&mut *session, "0").await;
    drop(session);
    let mut next = db.session(&[&statuses(&db), &endless(&db)]);
    assert_eq!(count(&mut *next, "0").await, [[Value::Integer(4)]]);
    // And within one session.
    give_up(&mut *next, "1").await;
    assert_eq!(count(&mut *next, "0").await, [[Value::Integer(4)]]);
}

async fn an_error_leaves_the_snapshot_of_the_session(dialect: Dialect) {
    let mut db = Trial::open(dialect, 2).await;
    let over = db.compiled("integer", "x integer", "select $1 + 1");
    let mut session = db.session(&[&statuses(&db), &over]);
    assert_eq!(count(&mut *session, "0").await, [[Value::Integer(4)]]);
    db.write("delete from g1_status where _u = 1; delete from record where id = 1")
        .await;
    let error = session.run("1", vec![one(Value::Integer(i64::MAX))]).await;
    assert!(matches!(error, Err(StoreError::Refused(_))), "{error:?}");
    assert_eq!(count(&mut *session, "0").await, [[Value::Integer(4)]]);
    let Value::Uri(first) = uri("zed/1") else {
        panic!("not a URI")
    };
    assert!(session.records(&[first]).await.unwrap()[0].is_some());
    let error = session.run("1", vec![one(Value::Integer(i64::MAX))]).await;
    assert!(error.is_err());
    assert_eq!(count(&mut *session, "0").await, [[Value::Integer(4)]]);
}

async fn a_million_rows_are_an_error_and_not_a_cut(dialect: Dialect) {
    let db = Trial::open(dialect, 1).await;
    let rows = |n: usize| {
        let sql = format!(
            "with recursive x(n) as (select 1 union all select n + 1 from x where n < {n}) select n from x"
        );
        db.compiled("", "n integer", &sql)
    };
    let mut session = db.session(&[
        &rows(1_000_000),
        &rows(limits::READ_ROWS_MAX),
        &rows(limits::READ_ROWS_MAX + 1),
    ]);
    for name in ["0", "2"] {
        let error = session.run(name, Vec::new()).await.unwrap_err();
        assert!(matches!(error, StoreError::TooManyRows { .. }), "{error}");
    }
    assert_eq!(count(&mut *session, "1").await.len(), limits::READ_ROWS_MAX);
}

async fn too_many_bytes_are_an_error(dialect: Dialect) {
    let mut db = Trial::open(dialect, 1).await;
    let size = limits::READ_BYTES_MAX / 3;
    let bytes = match dialect {
        Dialect::Sqlite => format!("zeroblob({size})"),
        Dialect::Postgres => format!("decode(repeat('00', {size}), 'hex')"),
    };
    db.write(&format!("update g1_status set raw = {bytes}"))
        .await;
    let sql = "select raw from status order by created_at desc limit $1";
    let read = db.compiled("integer", "raw bytes?", sql);
    let mut session = db.session(&[&read]);
    let two = session.run("0", vec![one(Value::Integer(2))]).await;
    assert_eq!(two.unwrap().rows.len(), 2);
    let four = session.run("0", vec![one(Value::Integer(4))]).await;
    assert!(matches!(four, Err(StoreError::TooManyBytes { .. })));
}

async fn reads_of_one_session_see_one_snapshot(dialect: Dialect) {
    let mut db = Trial::open(dialect, 2).await;
    let mut session = db.session(&[&statuses(&db)]);
    assert_eq!(count(&mut *session, "0").await, [[Value::Integer(4)]]);
    db.write("delete from g1_status where _u = 1; delete from record where id = 1")
        .await;
    assert_eq!(count(&mut *session, "0").await, [[Value::Integer(4)]]);
    let Value::Uri(first) = uri("zed/1") else {
        panic!("not a URI")
    };
    assert!(session.records(std::slice::from_ref(&first)).await.unwrap()[0].is_some());
    let mut later = db.session(&[&statuses(&db)]);
    assert_eq!(count(&mut *later, "0").await, [[Value::Integer(3)]]);
    assert!(later.records(&[first]).await.unwrap()[0].is_none());
}

async fn records_are_the_visible_ones_in_the_order_asked_for(dialect: Dialect) {
    let db = Trial::open(dialect, 1).await;
    let mut session = db.session(&[]);
    let uris: Vec<AtUri> = ["amy/2", "hid/5", "no/1", "zed/1", "amy/2"]
        .iter()
        .map(|short| match uri(short) {
            Value::Uri(uri) => uri,
            _ => panic!("not a URI"),
        })
        .collect();
    let found = session.records(&uris).await.unwrap();
    let keys: Vec<Option<&str>> = found
        .iter()
        .map(|r| r.as_ref().map(|r| r.rkey.as_str()))
        .collect();
    assert_eq!(keys, [Some("2"), None, None, Some("1"), Some("2")]);
    assert_eq!(found[0].as_ref().unwrap().body[..], [0xa0]);
    let many = vec![uris[0].clone(); limits::RECORDS_GET_MAX + 1];
    assert!(matches!(
        session.records(&many).await,
        Err(StoreError::Refused(_))
    ));
}

async fn parameters_that_do_not_fit_are_refused(dialect: Dialect) {
    let db = Trial::open(dialect, 1).await;
    let list = db.compiled(
        "text[]",
        "n integer",
        "select n from by_status where status in ($1)",
    );
    let id = db.compiled(
        "did",
        "n integer",
        "select count(*) from status where _did = $1",
    );
    let real = db.compiled("real", "x real", "select $1 + 0.5");
    let mut session = db.session(&[&list, &id, &real]);
    let text = || Value::Text("up".into());
    let cases = [
        ("0", vec![], "a value"),
        ("0", vec![one(text())], "a list"),
        (
            "0",
            vec![Param::Many(vec![text(); limits::READ_LIST_MAX + 1])],
            "at most 1000",
        ),
        ("0", vec![Param::Many(vec![Value::Null])], "null"),
        (
            "0",
            vec![Param::Many(vec![Value::Text("a\0".into())])],
            "NUL",
        ),
        ("1", vec![one(text())], "a did or at-uri"),
        ("1", vec![one(Value::Null)], "a did or at-uri"),
        ("2", vec![one(Value::Real(f64::NAN))], "finite"),
        ("2", vec![one(Value::Null)], "null"),
        ("nosuch", vec![], "there is no read"),
    ];
    for (name, params, expected) in cases {
        let error = session.run(name, params).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Refused(m) if m.contains(expected)),
            "{name}: expected {expected}, got {error}"
        );
    }
    let up = session.run("0", vec![Param::Many(vec![text(); limits::READ_LIST_MAX])]);
    assert_eq!(up.await.unwrap().rows, [[Value::Integer(2)]]);
}

async fn a_session_cannot_write(dialect: Dialect) {
    let db = Trial::open(dialect, 1).await;
    let mut forged = statuses(&db);
    forged.sql = "delete from g1_status".into();
    let mut session = db.session(&[&forged]);
    assert!(session.run("0", Vec::new()).await.is_err());
    let mut next = db.session(&[&statuses(&db)]);
    drop(session);
    assert_eq!(count(&mut *next, "0").await, [[Value::Integer(4)]]);
}
