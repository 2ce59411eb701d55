//! What one change becomes: `trap-on:RKEY`, `loop-on:RKEY`, `skip`, `reject`, `long-reason`, and rows that are right
//! (`ok`, `time-text`) or wrong in one way each: `million-rows`, `million-rows:N`, `bad-table`, `wrong-arity`, `wrong-types`,
//! `null-value`, `nul-text`, `long-key`, `huge-string`, `huge-string:N`, `bad-uri`, `bad-did`, `bad-time`, `bad-json`,
//! `not-a-number`, `infinite`, `same-key`. `static-state` writes how many changes this instance has seen.

use aviary_plugin::wit::types::{Change, Outcome, Put, Value};

use crate::{Mode, harm};

/// The columns of `things`, by name.
struct Thing {
    word: Value,
    number: Value,
    made_at: Value,
    link: Value,
    owner: Value,
    extra: Value,
    share: Value,
}

impl Thing {
    fn put(self, table: u16) -> Put {
        Put {
            table,
            row: vec![
                self.word,
                self.number,
                self.made_at,
                self.link,
                self.owner,
                self.extra,
                self.share,
            ],
        }
    }
}

/// The outcome of one change.
pub(crate) fn of(mode: &Mode, change: &Change) -> Outcome {
    match mode.name.as_str() {
        "trap-on" if mode.argument == change.rkey => harm::trap(),
        "loop-on" if mode.argument == change.rkey => harm::spin(),
        "skip" => Outcome::Skip,
        "reject" => Outcome::Reject("bad \u{0}record\n".into()),
        "long-reason" => Outcome::Reject("x".repeat(1 << 20)),
        "million-rows" => Outcome::Apply((0..mode.number()).map(|i| numbered(change, i)).collect()),
        "same-key" => Outcome::Apply(vec![good(change).put(0), good(change).put(0)]),
        "bad-table" => Outcome::Apply(vec![good(change).put(7)]),
        "wrong-arity" => {
            let mut put = good(change).put(0);
            put.row.pop();
            Outcome::Apply(vec![put])
        }
        other => Outcome::Apply(vec![changed(other, mode, good(change)).put(0)]),
    }
}

fn good(change: &Change) -> Thing {
    Thing {
        word: Value::Text(change.rkey.clone()),
        number: Value::Integer(1),
        made_at: Value::TimeUs(i64::try_from(change.time_us).unwrap_or(0)),
        link: Value::Null,
        owner: Value::Null,
        extra: Value::Null,
        share: Value::Null,
    }
}

fn numbered(change: &Change, i: u64) -> Put {
    Thing {
        word: Value::Text(i.to_string()),
        ..good(change)
    }
    .put(0)
}

fn changed(name: &str, mode: &Mode, mut thing: Thing) -> Thing {
    let text = |text: &str| Value::Text(text.into());
    match name {
        "wrong-types" => thing.number = text("one"),
        "null-value" => thing.number = Value::Null,
        "nul-text" => thing.word = text("a\u{0}b"),
        "long-key" => thing.word = Value::Text("k".repeat(10 << 10)),
        "huge-string" => {
            let len = usize::try_from(mode.number()).unwrap_or(usize::MAX);
            thing.extra = Value::Json(format!("\"{}\"", "x".repeat(len)));
        }
        "bad-uri" => thing.link = text("at://alice.test/app.bsky.feed.post/3k"),
        "bad-did" => thing.owner = text("alice.test"),
        "bad-time" => thing.made_at = text("yesterday"),
        "time-text" => thing.made_at = text("2026-01-01T00:00:00+01:00"),
        "bad-json" => thing.extra = Value::Json("{\"a\":".into()),
        "not-a-number" => thing.share = Value::Real(f64::NAN),
        "infinite" => thing.share = Value::Real(f64::INFINITY),
        "static-state" => thing.number = Value::Integer(harm::count()),
        _ => {}
    }
    thing
}
