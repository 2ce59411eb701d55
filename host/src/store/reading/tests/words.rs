//! The words of the tests beside: values, a sample with the rows that it gives, and how rows are shown.

use crate::atproto::{AtUri, Did};
use crate::store::gate::Dialect;
use crate::store::read::Param;
use crate::store::rows::Value;
use crate::store::trial::Trial;

pub(super) fn did(name: &str) -> Value {
    Value::Did(Did::parse(&format!("did:plc:{name}")).unwrap())
}

pub(super) fn uri(short: &str) -> Value {
    let (name, rkey) = short.split_once('/').unwrap();
    Value::Uri(AtUri::parse(&format!("at://did:plc:{name}/x.y.status/{rkey}")).unwrap())
}

pub(super) fn one(value: Value) -> Param {
    Param::One(value)
}

/// A row as one line: `zed` for a DID, `zed/1` for a URI.
pub(super) fn shown(values: &[Value]) -> String {
    let words = values.iter().map(|value| match value {
        Value::Null => "-".to_owned(),
        Value::Boolean(b) => b.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Time(n) => format!("t{n}"),
        Value::Real(x) => format!("{x:?}"),
        Value::Text(t) => t.clone(),
        Value::Json(t) => format!("json{t}"),
        Value::Bytes(b) => format!("{b:02x?}"),
        Value::Did(did) => did.as_str().replace("did:plc:", ""),
        Value::Uri(uri) => format!(
            "{}/{}",
            uri.did.as_str().replace("did:plc:", ""),
            uri.rkey.as_str()
        ),
    });
    words.collect::<Vec<_>>().join(" ")
}

pub(super) struct Good {
    pub(super) params: &'static str,
    pub(super) returns: &'static str,
    pub(super) sql: &'static str,
    pub(super) values: fn() -> Vec<Param>,
    pub(super) rows: &'static [&'static str],
}

pub(super) const fn plain(
    returns: &'static str,
    sql: &'static str,
    rows: &'static [&'static str],
) -> Good {
    Good {
        params: "",
        returns,
        sql,
        values: Vec::new,
        rows,
    }
}

/// Runs each sample and holds its rows against what it says.
pub(super) async fn hold(dialect: Dialect, samples: &[Good]) {
    let trial = Trial::open(dialect, 1).await;
    let mut wrong = Vec::new();
    for case in samples {
        let compiled = trial.compiled(case.params, case.returns, case.sql);
        let mut session = trial.session(&[&compiled]);
        match session.run("0", (case.values)()).await {
            Ok(page) => {
                let rows: Vec<String> = page.rows.iter().map(|r| shown(r)).collect();
                if rows != case.rows {
                    wrong.push(format!(
                        "{}\n  {}\n  expected {:?}\n  got {rows:?}",
                        case.sql, compiled.sql, case.rows
                    ));
                }
            }
            Err(error) => wrong.push(format!("{}\n  {}\n  {error}", case.sql, compiled.sql)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
