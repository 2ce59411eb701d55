//! From a guest's value to the value of a declared type: the one place where both rows and parameters are typed.

use aviary_manifest::ColumnType;

use super::rfc3339;
use super::values::RawValue;
use crate::atproto::{AtUri, Did};
use crate::store::Value;

/// The value as the declared type; null stays null.
///
/// # Errors
/// When the value is of another type or not well-formed; the text says what was expected and what came.
pub fn typed(ty: ColumnType, value: RawValue) -> Result<Value, String> {
    Ok(match (ty, value) {
        (_, RawValue::Null) => Value::Null,
        (ColumnType::Boolean, RawValue::Boolean(b)) => Value::Boolean(b),
        (ColumnType::Integer, RawValue::Integer(n)) => Value::Integer(n),
        (ColumnType::Real, RawValue::Real(x)) if x.is_finite() => Value::Real(x),
        (ColumnType::Real, RawValue::Real(x)) => {
            return Err(format!("expected a finite real, got {x}"));
        }
        (ColumnType::Text, RawValue::Text(text)) => match text.find('\0') {
            None => Value::Text(text),
            Some(at) => return Err(format!("expected text without NUL, got NUL at byte {at}")),
        },
        (ColumnType::Bytes, RawValue::Bytes(bytes)) => Value::Bytes(bytes),
        (ColumnType::Json, RawValue::Json(text)) => {
            json_document(&text)?;
            Value::Json(text)
        }
        (ColumnType::Time, RawValue::TimeUs(us)) => Value::Time(us),
        (ColumnType::Time, RawValue::Text(text)) => match rfc3339::to_us(&text) {
            Some(us) => Value::Time(us),
            None => {
                return Err(format!(
                    "expected an RFC 3339 date-time, got {}",
                    shown(&text)
                ));
            }
        },
        (ColumnType::Did, RawValue::Text(text)) => {
            Value::Did(Did::parse(&text).map_err(|e| e.to_string())?)
        }
        (ColumnType::AtUri, RawValue::Text(text)) => {
            Value::Uri(AtUri::parse(&text).map_err(|e| e.to_string())?)
        }
        (ty, other) => return Err(format!("expected {}, got {}", expected(ty), other.kind())),
    })
}

fn expected(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Time => "time-us, or text in RFC 3339",
        ColumnType::Did => "text with a DID",
        ColumnType::AtUri => "text with an AT URI",
        other => other.word(),
    }
}

/// Both backends have to take it: Postgres refuses NUL and lone surrogates inside a document, SQLite cuts at NUL.
fn json_document(text: &str) -> Result<(), String> {
    // Parsing into a tree, for only then are escapes decoded; the parser bounds the depth at 128.
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("expected a JSON document: {e}"))?;
    if text.contains("\\u0000") && has_nul(&document) {
        return Err("expected a JSON document without NUL, got \\u0000 in a string".to_owned());
    }
    Ok(())
}

fn has_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(has_nul),
        serde_json::Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || has_nul(v)),
        _ => false,
    }
}

/// The start of a guest's text, for a message.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    format!("{:?}", text.chars().take(SHOWN_CHARS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_takes_its_own() {
        let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
        let uri = format!("at://{did}/app.bsky.feed.post/3jwdwj2ctlk26");
        let text = |s: &str| RawValue::Text(s.to_owned());
        let cases = [
            (ColumnType::Text, text("a"), Value::Text("a".into())),
            (
                ColumnType::Integer,
                RawValue::Integer(i64::MIN),
                Value::Integer(i64::MIN),
            ),
            (ColumnType::Real, RawValue::Real(0.5), Value::Real(0.5)),
            (
                ColumnType::Boolean,
                RawValue::Boolean(true),
                Value::Boolean(true),
            ),
            (
                ColumnType::Bytes,
                RawValue::Bytes(vec![0]),
                Value::Bytes(vec![0]),
            ),
            (
                ColumnType::Json,
                RawValue::Json("[1]".into()),
                Value::Json("[1]".into()),
            ),
            (ColumnType::Time, RawValue::TimeUs(7), Value::Time(7)),
            (
                ColumnType::Time,
                text("1970-01-01T00:00:01Z"),
                Value::Time(1_000_000),
            ),
            (
                ColumnType::Did,
                text(did),
                Value::Did(Did::parse(did).unwrap()),
            ),
            (
                ColumnType::AtUri,
                text(&uri),
                Value::Uri(AtUri::parse(&uri).unwrap()),
            ),
            (ColumnType::Did, RawValue::Null, Value::Null),
        ];
        for (ty, raw, value) in cases {
            assert_eq!(typed(ty, raw), Ok(value));
        }
    }

    #[test]
    fn anything_else_says_what_was_expected_and_what_came() {
        let cases = [
            (
                ColumnType::Integer,
                RawValue::Text("1".into()),
                "expected integer, got text",
            ),
            (
                ColumnType::Real,
                RawValue::Integer(1),
                "expected real, got integer",
            ),
            (
                ColumnType::Real,
                RawValue::Real(f64::NAN),
                "expected a finite real, got NaN",
            ),
            (
                ColumnType::Real,
                RawValue::Real(f64::NEG_INFINITY),
                "got -inf",
            ),
            (
                ColumnType::Text,
                RawValue::Text("a\0".into()),
                "NUL at byte 1",
            ),
            (
                ColumnType::Text,
                RawValue::Json("1".into()),
                "expected text, got json",
            ),
            (
                ColumnType::Json,
                RawValue::Json("{".into()),
                "expected a JSON document",
            ),
            (
                ColumnType::Json,
                RawValue::Json(r#""\ud800""#.into()),
                "expected a JSON document",
            ),
            (
                ColumnType::Json,
                RawValue::Json(r#"[{"\u0000":1}]"#.into()),
                "without NUL",
            ),
            (
                ColumnType::Time,
                RawValue::Text("yesterday".into()),
                "got \"yesterday\"",
            ),
            (
                ColumnType::Did,
                RawValue::Text("did:".into()),
                "expected a DID",
            ),
            (
                ColumnType::AtUri,
                RawValue::Text("at://a.example/b.c.d/e".into()),
                "expected a record's AT URI",
            ),
        ];
        for (ty, raw, says) in cases {
            let error = typed(ty, raw).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn an_escaped_backslash_is_no_nul() {
        assert!(typed(ColumnType::Json, RawValue::Json(r#""\\u0000""#.into())).is_ok());
    }
}
