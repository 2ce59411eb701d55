use super::fixture::{Database, compiled};
use super::*;
use crate::store::rows::Value;

fn one(value: Value) -> Param {
    Param::One(value)
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error() {
    let mut db = Database::open(1).await;
    // An integer that overflows becomes a real in SQLite.
    let over = compiled("integer", "x integer", "select $1 + 1");
    let text = compiled(
        "",
        "x integer",
        "select created_at from status where _uri = _uri order by created_at limit 1",
    );
    db.write("update g1_status set created_at = 'soon' where _u = 1; update g1_status set created_at = 'now'")
        .await;
    let mut session = db.session(&[&over, &text]);
    let error = session.run("0", vec![one(Value::Integer(i64::MAX))]).await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("declared integer, the database gave a real")
    );
    let error = session.run("1", Vec::new()).await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("declared integer, the database gave")
    );
}
