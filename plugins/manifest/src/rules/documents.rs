//! Embedded lexicon documents: each is one, each once, and each claimed method has its own.

use serde_json::Value;

use super::{Checked, broken, names};
use crate::Manifest;

/// What needs the documents themselves.
pub(crate) fn check(m: &Manifest) -> Checked {
    let mut ids: Vec<&str> = Vec::with_capacity(m.lexicons.len());
    for (i, document) in m.lexicons.iter().enumerate() {
        let id = id(&format!("lexicons[{i}]"), document)?;
        if ids.contains(&id) {
            return broken(
                format!("lexicons[{i}].id"),
                format!("expected each document once, got {id:?} twice"),
            );
        }
        ids.push(id);
    }
    for nsid in m.methods.keys() {
        method(m, nsid)?;
    }
    Ok(())
}

fn id<'d>(place: &str, document: &'d Value) -> Result<&'d str, crate::ManifestError> {
    if document.get("lexicon").and_then(Value::as_u64) != Some(1) {
        return broken(
            place,
            format!(
                "expected a lexicon document (an object with \"lexicon\": 1), got {}",
                shown(document)
            ),
        );
    }
    match document.get("id").and_then(Value::as_str) {
        Some(id) if names::is_nsid(id) => Ok(id),
        _ => broken(
            format!("{place}.id"),
            format!(
                "expected an NSID, got {}",
                shown(document.get("id").unwrap_or(&Value::Null))
            ),
        ),
    }
}

fn method(m: &Manifest, nsid: &str) -> Checked {
    let place = || format!("methods.{nsid}");
    let Some(document) = m.lexicon(nsid) else {
        return broken(
            place(),
            "expected a lexicon document of that id among `lexicons`, got none".into(),
        );
    };
    let kind = document.pointer("/defs/main/type").and_then(Value::as_str);
    if !matches!(kind, Some("query" | "procedure")) {
        return broken(
            place(),
            format!(
                "expected its lexicon's main definition to be a query or a procedure, got {}",
                kind.unwrap_or("none")
            ),
        );
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    const SHOWN_CHARS: usize = 80;
    value.to_string().chars().take(SHOWN_CHARS).collect()
}
