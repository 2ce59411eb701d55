//! Parameters of text: lengths, enumerations and formats.

use serde_json::Value;
use shrike::lexicon::{Catalog, FieldSchema, validate_value};

use super::{Bounds, Reference, Unfit, one_of, shown, unfit};
use crate::atproto::{AtUri, Did};

/// What a text must be.
pub(super) struct Text {
    bytes: Bounds,
    allowed: Option<Vec<String>>,
    format: Option<String>,
    /// Graphemes and formats, for the library that knows them.
    rest: Option<Box<FieldSchema>>,
}

impl Text {
    /// From a schema of text; any other stands for text without rules.
    pub(super) fn of(schema: &FieldSchema) -> Self {
        let FieldSchema::String {
            min_length,
            max_length,
            min_graphemes,
            max_graphemes,
            r#enum,
            format,
            const_val,
            ..
        } = schema
        else {
            return Self {
                bytes: Bounds(None, None),
                allowed: None,
                format: None,
                rest: None,
            };
        };
        let graphemes = (*min_graphemes, *max_graphemes);
        let known = format.as_deref().is_some_and(|f| !names_account(f));
        Self {
            bytes: Bounds(*min_length, *max_length),
            allowed: const_val
                .clone()
                .map(|only| vec![only])
                .or_else(|| r#enum.clone()),
            format: format.clone(),
            rest: (known || graphemes != (None, None)).then(|| {
                let format = format.clone().filter(|_| known);
                Box::new(FieldSchema::String {
                    min_length: None,
                    max_length: None,
                    min_graphemes: graphemes.0,
                    max_graphemes: graphemes.1,
                    known_values: Vec::new(),
                    r#enum: None,
                    format,
                    description: None,
                    default: None,
                    const_val: None,
                })
            }),
        }
    }

    pub(super) fn read(&self, text: &str) -> Result<Value, Unfit> {
        if let Some(allowed) = &self.allowed
            && !allowed.iter().any(|one| one == text)
        {
            return Err(unfit(one_of(allowed), shown(text)));
        }
        self.bytes.hold(text.len(), "bytes")?;
        let value = Value::from(text);
        let fits = match self.format.as_deref() {
            Some("did") => Did::parse(text).is_ok(),
            Some("at-identifier") => at_identifier(text),
            Some("at-uri") => at_uri(text),
            _ => true,
        };
        let rest = self.rest.as_deref();
        if fits && rest.is_none_or(|rest| validate_value(&Catalog::new(), "", rest, &value).is_ok())
        {
            return Ok(value);
        }
        Err(unfit(self.described(), shown(text)))
    }

    pub(super) fn reference(&self) -> Option<Reference> {
        match self.format.as_deref() {
            Some("at-identifier") => Some(Reference::AtIdentifier),
            Some("at-uri") => Some(Reference::AtUri),
            _ => None,
        }
    }

    fn described(&self) -> String {
        let mut must = match self.format.as_deref() {
            Some("at-identifier") => "a DID or a handle".to_owned(),
            Some("did") => "a DID".to_owned(),
            Some("at-uri") => "an AT URI".to_owned(),
            Some("datetime") => "a datetime (such as 2026-01-31T12:00:00Z)".to_owned(),
            Some(format) => format!("a valid {format}"),
            None => "text".to_owned(),
        };
        if let Some(FieldSchema::String {
            min_graphemes,
            max_graphemes,
            ..
        }) = self.rest.as_deref()
        {
            let mut bound = |word: &str, graphemes: &Option<u64>| {
                if let Some(n) = graphemes {
                    must.push_str(&format!(" of {word} {n} graphemes"));
                }
            };
            bound("at least", min_graphemes);
            bound("at most", max_graphemes);
        }
        must
    }
}

/// Formats with a DID in them are checked here: the library refuses percent-encoded DIDs.
fn names_account(format: &str) -> bool {
    matches!(format, "did" | "at-identifier" | "at-uri")
}

fn at_identifier(text: &str) -> bool {
    Did::parse(text).is_ok() || shrike::syntax::Handle::try_from(text).is_ok()
}

/// Any AT URI: of an account, a collection or a record.
fn at_uri(text: &str) -> bool {
    AtUri::parse(text).is_ok() || shrike::syntax::AtUri::try_from(text).is_ok()
}
