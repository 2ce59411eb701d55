//! A read's rows as JSON for guests that would rather parse than lift.

use crate::store::{ReadPage, Value};

/// `[{"column": value, …}, …]`: times are numbers (microseconds), bytes are `{"$bytes"}`, documents stand as they are.
pub(super) fn of(page: &ReadPage) -> String {
    let names: Vec<String> = page.columns.iter().map(|c| quoted(c)).collect();
    let mut out = String::from("[");
    for (at, row) in page.rows.iter().enumerate() {
        out.push_str(if at == 0 { "{" } else { ",{" });
        for (column, (name, value)) in names.iter().zip(row).enumerate() {
            if column > 0 {
                out.push(',');
            }
            out.push_str(name);
            out.push(':');
            push(&mut out, value);
        }
        out.push('}');
    }
    out.push(']');
    out
}

fn push(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Integer(n) | Value::Time(n) => out.push_str(&n.to_string()),
        // Stored reals are finite, so this is a number.
        Value::Real(x) => out.push_str(&serde_json::Value::from(*x).to_string()),
        Value::Text(text) => out.push_str(&quoted(text)),
        Value::Bytes(bytes) => {
            out.push_str("{\"$bytes\":\"");
            push_base64(out, bytes);
            out.push_str("\"}");
        }
        Value::Json(text) => out.push_str(text),
        Value::Did(did) => out.push_str(&quoted(did.as_str())),
        Value::Uri(uri) => out.push_str(&quoted(&uri.to_string())),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// RFC 4648 base64 without padding, as atproto JSON has it.
fn push_base64(out: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |g, b| (g << 8) | u32::from(*b)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let index = (group >> (18 - 6 * digit)) as usize & 63;
            out.push(char::from(ALPHABET[index]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atproto::Did;

    #[test]
    fn rows_become_objects() {
        let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
        let page = ReadPage {
            columns: vec!["a \"b\"".into(), "c".into()],
            rows: vec![
                vec![Value::Null, Value::Boolean(true)],
                vec![Value::Integer(-5), Value::Real(0.5)],
                vec![
                    Value::Text("\n\"".into()),
                    Value::Time(1_700_000_000_000_001),
                ],
                vec![
                    Value::Json("{\"x\":[1]}".into()),
                    Value::Did(Did::parse(did).unwrap()),
                ],
                vec![Value::Bytes(b"hello".to_vec()), Value::Bytes(vec![])],
            ],
        };
        let value: serde_json::Value = serde_json::from_str(&of(&page)).unwrap();
        let expected = serde_json::json!([
            {"a \"b\"": null, "c": true},
            {"a \"b\"": -5, "c": 0.5},
            {"a \"b\"": "\n\"", "c": 1_700_000_000_000_001_i64},
            {"a \"b\"": {"x": [1]}, "c": did},
            {"a \"b\"": {"$bytes": "aGVsbG8"}, "c": {"$bytes": ""}},
        ]);
        assert_eq!(value, expected);
        assert_eq!(of(&ReadPage::default()), "[]");
    }
}
