//! Three plugins as pure functions, and the tables that the law wants from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aviary::atproto::{AtUri, Did};
use aviary::store::{Change, ChangeState, DeadReason, Effect, Put, Registration, Value};
use aviary_manifest::Manifest;

use super::world::{Said, World};

const POSTS: &str = r#"
name = "posts"
version = "0.1.0"
api = "0.1"
collections = ["test.rows.post"]
[[tables]]
name = "post"
columns = ["body text", "lang text?", "score real", "reply at-uri?", "odd boolean", "raw bytes?", "doc json"]
key = ["_uri"]
indexes = [["lang", "_seen desc"], ["_seen desc", "_uri desc"]]
hide-with = ["reply"]
[[counts]]
name = "by_lang"
table = "post"
by = ["lang"]
indexes = [["n desc"]]
[[counts]]
name = "by_reply"
table = "post"
by = ["reply", "body"]
[[reads]]
name = "langs"
returns = ["lang text", "n integer"]
sql = "select lang, n from by_lang order by n desc limit 10"
"#;

const TAGS: &str = r#"
name = "tags"
version = "0.1.0"
api = "0.1"
collections = ["test.rows.tags"]
[[tables]]
name = "tag"
columns = ["n integer", "word text", "about did?"]
key = ["_uri", "n"]
indexes = [["word", "n"]]
hide-with = ["about"]
[[tables]]
name = "tagged"
columns = ["many integer"]
key = ["_uri"]
[[counts]]
name = "by_word"
table = "tag"
by = ["word"]
[[counts]]
name = "by_about"
table = "tag"
by = ["about", "word"]
"#;

const LIKES: &str = r#"
name = "likes"
version = "0.1.0"
api = "0.1"
collections = ["test.rows.like", "test.rows.fave"]
[[tables]]
name = "liked"
columns = ["subject at-uri", "word text"]
key = ["_did", "subject"]
indexes = [["subject", "_seen desc"]]
hide-with = ["subject"]
[[counts]]
name = "by_subject"
table = "liked"
by = ["subject"]
indexes = [["n desc"]]
[[counts]]
name = "by_liker"
table = "liked"
by = ["_did", "word"]
[[reads]]
name = "likes"
params = ["at-uri"]
returns = ["n integer"]
sql = "select n from by_subject where subject = $1"
"#;

pub(super) fn manifests() -> [Manifest; 3] {
    [POSTS, TAGS, LIKES].map(|text| Manifest::from_toml(text).unwrap())
}

pub(super) fn registration(manifest: Manifest, digest: &str) -> Registration {
    Registration {
        manifest: Arc::new(manifest),
        digest: digest.to_owned(),
    }
}

fn uri(text: &str) -> Value {
    Value::Uri(AtUri::parse(text).unwrap())
}

fn put(table: u16, row: Vec<Value>) -> Put {
    Put { table, row }
}

/// What a plugin makes of a live record.
pub(super) fn effect_of(collection: &str, said: &Said) -> Effect {
    match said.text.as_str() {
        "reject" => {
            return Effect::Dead {
                reason: DeadReason::Rejected,
                detail: "it says reject".into(),
            };
        }
        "skip" => return Effect::Nothing,
        _ => {}
    }
    let mut rows = rows_of(collection, said);
    if said.text == "twice" {
        // Two rows with one key: not acceptable, whatever the table's key is.
        rows.extend(rows.last().cloned());
    }
    Effect::Rows(rows)
}

fn rows_of(collection: &str, said: &Said) -> Vec<Put> {
    let text = Value::Text(said.text.clone());
    match collection {
        "test.rows.post" => vec![put(
            0,
            vec![
                text,
                said.lang.clone().map_or(Value::Null, Value::Text),
                Value::Real(said.score),
                said.reply.as_deref().map_or(Value::Null, uri),
                Value::Boolean(said.text.len() % 2 == 1),
                said.lang
                    .as_ref()
                    .map_or(Value::Null, |l| Value::Bytes(l.clone().into_bytes())),
                Value::Json(format!("{:?}", said.text)),
            ],
        )],
        "test.rows.tags" => {
            let about = said.about.as_deref();
            let mut rows: Vec<Put> = (0..)
                .zip(&said.tags)
                .map(|(n, word)| {
                    put(
                        0,
                        vec![
                            Value::Integer(n),
                            Value::Text(word.clone()),
                            about.map_or(Value::Null, |d| Value::Did(Did::parse(d).unwrap())),
                        ],
                    )
                })
                .collect();
            let many = i64::try_from(rows.len()).unwrap();
            rows.push(put(1, vec![Value::Integer(many)]));
            rows
        }
        _ => vec![put(0, vec![uri(said.subject.as_deref().unwrap()), text])],
    }
}

pub(super) fn effect(change: &Change) -> Effect {
    match &change.state {
        ChangeState::Deleted => Effect::Nothing,
        ChangeState::Live { body, .. } => {
            let said: Said = serde_json::from_slice(body).unwrap();
            effect_of(change.collection.as_str(), &said)
        }
    }
}

/// Every table's rows as sorted text, by `plugin.table`.
pub(super) type Tables = BTreeMap<String, Vec<String>>;

struct Expected {
    uri: String,
    did: String,
    rev: String,
    cid: String,
    n: usize,
    values: Vec<Value>,
}

/// The tables that belong to a world, by the law alone.
pub(super) fn expected(world: &World) -> Tables {
    let mut tables = Tables::new();
    for manifest in manifests() {
        let mut by_table: BTreeMap<usize, Vec<Expected>> = BTreeMap::new();
        let mut dead = Vec::new();
        for (uri, record) in &world.records {
            let at = AtUri::parse(uri).unwrap();
            let is_wanted = manifest
                .collections
                .iter()
                .any(|c| c == at.collection.as_str());
            if !is_wanted || world.is_hidden(uri) {
                continue;
            }
            match effect_of(at.collection.as_str(), &record.said) {
                Effect::Nothing => {}
                Effect::Dead { .. } => dead.push(format!("{uri} rejected")),
                Effect::Rows(_) if record.said.text == "twice" => {
                    dead.push(format!("{uri} bad-rows"))
                }
                Effect::Rows(puts) => {
                    for put in puts {
                        let rows = by_table.entry(put.table.into()).or_default();
                        let n = rows.iter().filter(|r| &r.uri == uri).count();
                        rows.push(Expected {
                            uri: uri.clone(),
                            did: at.did.to_string(),
                            rev: record.rev.clone(),
                            cid: record.cid.to_string(),
                            n,
                            values: put.row,
                        });
                    }
                }
            }
        }
        dead.sort();
        tables.insert(format!("{}.dead_letter", manifest.name), dead);
        expect_plugin(&manifest, &by_table, &mut tables);
    }
    tables
}

fn expect_plugin(manifest: &Manifest, rows: &BTreeMap<usize, Vec<Expected>>, tables: &mut Tables) {
    for (ordinal, table) in manifest.tables.iter().enumerate() {
        let none = Vec::new();
        let rows = rows.get(&ordinal).unwrap_or(&none);
        let place = |name: &String| table.columns.iter().position(|c| &c.name == name);
        let key_of = |row: &Expected| -> Vec<String> {
            let value = |name: &String| match name.as_str() {
                "_uri" => row.uri.clone(),
                "_did" => row.did.clone(),
                _ => text(&row.values[place(name).unwrap()]),
            };
            table.key.iter().map(value).collect()
        };
        let mut winners: BTreeMap<Vec<String>, (String, String, usize)> = BTreeMap::new();
        for row in rows {
            let rank = (row.rev.clone(), row.uri.clone(), row.n);
            let best = winners.entry(key_of(row)).or_insert_with(|| rank.clone());
            *best = best.clone().max(rank);
        }
        let wins: BTreeSet<&(String, String, usize)> = winners.values().collect();
        let wins = |row: &Expected| wins.contains(&(row.rev.clone(), row.uri.clone(), row.n));
        let mut lines: Vec<String> = rows
            .iter()
            .map(|row| {
                let host = [&row.uri, &row.did, &row.rev, &row.cid].map(Clone::clone);
                let values = row.values.iter().map(text);
                let cells: Vec<String> = host.into_iter().chain(values).collect();
                format!("{} #{} {}", cells.join(" | "), row.n, i64::from(wins(row)))
            })
            .collect();
        lines.sort();
        tables.insert(format!("{}.{}", manifest.name, table.name), lines);
        for count in manifest.counts.iter().filter(|c| c.table == table.name) {
            let mut counters: BTreeMap<String, usize> = BTreeMap::new();
            for row in rows.iter().filter(|r| wins(r)) {
                let cells: Vec<String> = count
                    .by
                    .iter()
                    .map(|by| place(by).map_or_else(|| row.did.clone(), |at| text(&row.values[at])))
                    .collect();
                if !cells.iter().any(|c| c == "null") {
                    *counters.entry(cells.join(" | ")).or_default() += 1;
                }
            }
            let lines = counters.iter().map(|(by, n)| format!("{by} = {n}"));
            tables.insert(format!("{}.{}", manifest.name, count.name), lines.collect());
        }
    }
}

/// A value as `tables.rs` shows what is stored.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Boolean(b) => i64::from(*b).to_string(),
        Value::Integer(i) | Value::Time(i) => i.to_string(),
        Value::Real(r) => format!("{:?}", r + 0.0),
        Value::Text(t) | Value::Json(t) => format!("{t:?}"),
        Value::Bytes(b) => format!("{b:02x?}"),
        Value::Did(d) => d.to_string(),
        Value::Uri(u) => u.to_string(),
    }
}
