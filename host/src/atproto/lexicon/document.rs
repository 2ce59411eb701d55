//! The checks on a lexicon document that give a clear answer to who wrote it.

use serde_json::{Map, Value};

use super::LexiconError;
use crate::atproto::Nsid;

/// Types that only `main` may have.
const PRIMARY: [&str; 5] = [
    "record",
    "query",
    "procedure",
    "subscription",
    "permission-set",
];
/// Types that any definition may have.
const SECONDARY: [&str; 9] = [
    "object", "array", "string", "integer", "boolean", "bytes", "cid-link", "blob", "token",
];
/// Types of a parameter; of an array parameter, its items.
const PARAMETER: [&str; 4] = ["string", "integer", "boolean", "unknown"];

/// Checks a document's frame and gives its id.
pub(super) fn check(document: &Value) -> Result<Nsid, LexiconError> {
    let document = object("the top", document)?;
    if field(document, "lexicon").as_i64() != Some(1) {
        return Err(wrong("lexicon", "1", field(document, "lexicon")));
    }
    let id = field(document, "id");
    let id = id
        .as_str()
        .and_then(|text| Nsid::parse(text).ok())
        .ok_or_else(|| wrong("id", "an NSID (such as app.bsky.feed.post)", id))?;
    let defs = object("defs", field(document, "defs"))?;
    for (name, def) in defs {
        definition(name, def)?;
    }
    Ok(id)
}

fn definition(name: &str, def: &Value) -> Result<(), LexiconError> {
    let at = format!("defs.{name}");
    let def = object(&at, def)?;
    let kind = field(def, "type");
    let text = kind.as_str().unwrap_or_default();
    let at_type = format!("{at}.type");
    match text {
        _ if SECONDARY.contains(&text) => Ok(()),
        _ if !PRIMARY.contains(&text) => Err(wrong(
            &at_type,
            "record, query, procedure, subscription, permission-set, object, array, string, integer, \
             boolean, bytes, cid-link, blob or token",
            kind,
        )),
        _ if name != "main" => Err(wrong(
            &at_type,
            "a type that a definition other than main may have",
            kind,
        )),
        "record" => record(&at, def),
        "permission-set" => Ok(()),
        _ => method(&at, def),
    }
}

fn record(at: &str, def: &Map<String, Value>) -> Result<(), LexiconError> {
    let at = format!("{at}.record");
    let schema = object(&at, field(def, "record"))?;
    if field(schema, "type") != "object" {
        let at = format!("{at}.type");
        return Err(wrong(&at, "object", field(schema, "type")));
    }
    Ok(())
}

fn method(at: &str, def: &Map<String, Value>) -> Result<(), LexiconError> {
    let Some(params) = def.get("parameters") else {
        return Ok(());
    };
    let at = format!("{at}.parameters");
    let params = object(&at, params)?;
    if field(params, "type") != "params" {
        let at = format!("{at}.type");
        return Err(wrong(&at, "params", field(params, "type")));
    }
    let Some(properties) = params.get("properties") else {
        return Ok(());
    };
    let at = format!("{at}.properties");
    for (name, property) in object(&at, properties)? {
        parameter(&format!("{at}.{name}"), property)?;
    }
    Ok(())
}

fn parameter(at: &str, property: &Value) -> Result<(), LexiconError> {
    let property = object(at, property)?;
    let mut kind = (format!("{at}.type"), field(property, "type"));
    if kind.1 == "array" {
        let at = format!("{at}.items");
        let items = object(&at, field(property, "items"))?;
        kind = (format!("{at}.type"), field(items, "type"));
    }
    if PARAMETER.contains(&kind.1.as_str().unwrap_or_default()) {
        Ok(())
    } else {
        Err(wrong(
            &kind.0,
            "a parameter's type (string, integer, boolean, unknown, or an array of these)",
            kind.1,
        ))
    }
}

fn field<'v>(map: &'v Map<String, Value>, name: &str) -> &'v Value {
    map.get(name).unwrap_or(&Value::Null)
}

fn object<'v>(at: &str, value: &'v Value) -> Result<&'v Map<String, Value>, LexiconError> {
    value
        .as_object()
        .ok_or_else(|| wrong(at, "an object", value))
}

fn wrong(at: &str, expected: &'static str, got: &Value) -> LexiconError {
    const SHOWN_CHARS: usize = 80;
    LexiconError::Document {
        at: at.to_owned(),
        expected,
        got: match got {
            Value::Null => "nothing".to_owned(),
            _ => got.to_string().chars().take(SHOWN_CHARS).collect(),
        },
    }
}
