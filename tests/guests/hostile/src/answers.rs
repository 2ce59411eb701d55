//! What a call of `test.aviary.hostile.call` does with its `n`: `many-rows` (a read that gives n rows), `flood-reads`
//! (n reads), `flood-records` (n calls), `many-records` (one call for n URIs), `unknown-read`, `bad-params`,
//! `missing-params`, `long-list` (n values), `huge-answer` (n bytes), `bad-json`, `bytes`, `bad-status` (status n),
//! `static-state`. Store errors come back as the error's name, so that a test sees which one it was.

use aviary_plugin::wit::methods::exports::aviary::plugin::methods::{
    Payload, XrpcError, XrpcResponse,
};
use aviary_plugin::wit::store::{self, StoreError};
use aviary_plugin::wit::types::{Param, Value};

use crate::{Mode, harm};

type Answer = Result<XrpcResponse, XrpcError>;

const URI: &str = "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/test.aviary.hostile/self";

/// One call's answer.
pub(crate) fn of(mode: &Mode, n: i64) -> Answer {
    let len = usize::try_from(n).unwrap_or(0);
    let uri = || Value::Text(URI.into());
    let one = |v: i64| Param::One(Value::Integer(v));
    match mode.name.as_str() {
        "many-rows" => read("many", &[one(n)]),
        "flood-reads" => repeat(len, || read("many", &[one(1)])),
        "flood-records" => repeat(len, || records(1)),
        "many-records" => records(len),
        "unknown-read" => read("nothing", &[]),
        "bad-params" => read("many", &[Param::One(Value::Text("one".into()))]),
        "missing-params" => read("many", &[]),
        "long-list" => read("all_of", &[Param::Many(vec![uri(); len]), one(1)]),
        "huge-answer" => json(format!("{{\"x\":\"{}\"}}", "x".repeat(len))),
        "bad-json" => json("{\"x\":".into()),
        "bytes" => ok(Payload::Bytes(("image/png\r\nx: y".into(), vec![0; 8]))),
        "bad-status" => Err(XrpcError {
            status: u16::try_from(n).unwrap_or(u16::MAX),
            error: "No\r\nSpaces".into(),
            message: "m".repeat(1 << 16),
        }),
        "static-state" => json(format!("{{\"count\":{}}}", harm::count())),
        _ => json("{\"ok\":true}".into()),
    }
}

fn ok(body: Payload) -> Answer {
    Ok(XrpcResponse {
        body,
        max_age_s: None,
    })
}

fn json(text: String) -> Answer {
    ok(Payload::Json(text))
}

fn repeat(times: usize, mut call: impl FnMut() -> Answer) -> Answer {
    for _ in 1..times {
        call()?;
    }
    call()
}

fn read(name: &str, params: &[Param]) -> Answer {
    match store::read(name, params) {
        Ok(page) => json(format!("{{\"rows\":{}}}", page.rows.len())),
        Err(e) => Err(XrpcError {
            status: 500,
            error: word(&e).into(),
            message: format!("read {name}"),
        }),
    }
}

fn records(count: usize) -> Answer {
    let answers = aviary_plugin::wit::records::get(&vec![URI.into(); count]);
    json(format!("{{\"records\":{}}}", answers.len()))
}

fn word(e: &StoreError) -> &'static str {
    match e {
        StoreError::UnknownRead => "UnknownRead",
        StoreError::BadParams(_) => "BadParams",
        StoreError::Timeout => "Timeout",
        StoreError::TooManyRows => "TooManyRows",
        StoreError::Unavailable => "Unavailable",
    }
}
