//! A method's parameters: what the lexicon declares, and reading them from a URL's query pairs.

mod text;

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use shrike::lexicon::{FieldSchema, ParamsDef};

use crate::atproto::Nsid;
use text::Text;

/// Why parameters do not fit a method. The message is for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// A parameter is missing.
    #[error("{name} is required")]
    Required {
        /// Which.
        name: String,
    },
    /// A parameter is not what it must be.
    #[error("{name} must be {must}, got {got}")]
    Unfit {
        /// Which.
        name: String,
        /// What it must be.
        must: String,
        /// What came, cut.
        got: String,
    },
    /// No lexicon declares the method.
    #[error("expected a method with a lexicon, got {nsid}")]
    Method {
        /// What was asked for.
        nsid: Nsid,
    },
}

/// What a parameter of text refers to, where handles may stand for DIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Format `at-identifier`: a DID or a handle.
    AtIdentifier,
    /// Format `at-uri`: its authority is a DID or a handle.
    AtUri,
}

/// One declared parameter.
pub(super) struct Param {
    pub(super) name: String,
    required: bool,
    default: Option<Value>,
    scalar: Scalar,
    /// For an array: how many values.
    array: Option<Bounds>,
}

enum Scalar {
    Integer {
        range: (Option<i64>, Option<i64>),
        allowed: Option<Vec<i64>>,
    },
    Boolean {
        only: Option<bool>,
    },
    Text(Text),
}

/// Least and greatest length.
#[derive(Clone, Copy)]
struct Bounds(Option<u64>, Option<u64>);

/// What a value must be and what came; the parameter's name is added where it is known.
struct Unfit {
    must: String,
    got: String,
}

impl Param {
    /// The declared parameters, by name.
    pub(super) fn all(def: &ParamsDef) -> Vec<Self> {
        let mut params: Vec<_> = def
            .properties
            .iter()
            .map(|(name, schema)| Self::of(name, schema, def.required.contains(name)))
            .collect();
        params.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        params
    }

    fn of(name: &str, schema: &FieldSchema, required: bool) -> Self {
        let (scalar, array) = match schema {
            FieldSchema::Array {
                items,
                min_length,
                max_length,
                ..
            } => (Scalar::of(items), Some(Bounds(*min_length, *max_length))),
            one => (Scalar::of(one), None),
        };
        Self {
            name: name.to_owned(),
            required,
            default: schema.default_value(),
            scalar,
            array,
        }
    }

    /// The parameter's value from the pairs, or its default, or nothing.
    pub(super) fn read(&self, pairs: &[(String, String)]) -> Result<Option<Value>, ParamError> {
        let mut given = pairs
            .iter()
            .filter(|(name, _)| *name == self.name)
            .map(|(_, value)| value.as_str())
            .peekable();
        if given.peek().is_none() {
            return match (&self.default, self.required) {
                (None, true) => Err(ParamError::Required {
                    name: self.name.clone(),
                }),
                (default, _) => Ok(default.clone()),
            };
        }
        let read = match self.array {
            Some(bounds) => self.many(given, bounds),
            None => self.one(given),
        };
        read.map(Some).map_err(|unfit| ParamError::Unfit {
            name: self.name.clone(),
            must: unfit.must,
            got: unfit.got,
        })
    }

    fn one<'v>(&self, mut given: impl Iterator<Item = &'v str>) -> Result<Value, Unfit> {
        let first = given.next().unwrap_or_default();
        match given.count() {
            0 => self.scalar.read(first),
            more => Err(unfit("given once", format!("{} values", more + 1))),
        }
    }

    fn many<'v>(
        &self,
        given: impl Iterator<Item = &'v str>,
        bounds: Bounds,
    ) -> Result<Value, Unfit> {
        let values: Vec<_> = given
            .map(|text| self.scalar.read(text))
            .collect::<Result<_, _>>()?;
        bounds.hold(values.len(), "values")?;
        Ok(Value::Array(values))
    }

    /// What it refers to, if it may hold handles.
    pub(super) fn reference(&self) -> Option<Reference> {
        match &self.scalar {
            Scalar::Text(text) => text.reference(),
            Scalar::Integer { .. } | Scalar::Boolean { .. } => None,
        }
    }
}

impl Scalar {
    /// A type that a parameter cannot have was refused with the document; `unknown` is any text.
    fn of(schema: &FieldSchema) -> Self {
        match schema {
            FieldSchema::Integer {
                minimum,
                maximum,
                r#enum,
                const_val,
                ..
            } => Self::Integer {
                range: (*minimum, *maximum),
                allowed: const_val.map(|only| vec![only]).or_else(|| r#enum.clone()),
            },
            FieldSchema::Boolean { const_val, .. } => Self::Boolean { only: *const_val },
            other => Self::Text(Text::of(other)),
        }
    }

    fn read(&self, text: &str) -> Result<Value, Unfit> {
        match self {
            Self::Integer { range, allowed } => integer(text, *range, allowed.as_deref()),
            Self::Boolean { only } => boolean(text, *only),
            Self::Text(rules) => rules.read(text),
        }
    }
}

fn integer(
    text: &str,
    (min, max): (Option<i64>, Option<i64>),
    allowed: Option<&[i64]>,
) -> Result<Value, Unfit> {
    let number = i64::from_str(text).map_err(|_| unfit("an integer", shown(text)))?;
    if let Some(min) = min.filter(|min| number < *min) {
        return Err(unfit(format!("at least {min}"), number));
    }
    if let Some(max) = max.filter(|max| number > *max) {
        return Err(unfit(format!("at most {max}"), number));
    }
    match allowed {
        Some(allowed) if !allowed.contains(&number) => Err(unfit(one_of(allowed), number)),
        _ => Ok(number.into()),
    }
}

fn boolean(text: &str, only: Option<bool>) -> Result<Value, Unfit> {
    let value = bool::from_str(text).map_err(|_| unfit("true or false", shown(text)))?;
    match only {
        Some(only) if only != value => Err(unfit(only.to_string(), value)),
        _ => Ok(value.into()),
    }
}

impl Bounds {
    fn hold(self, len: usize, unit: &str) -> Result<(), Unfit> {
        let len = len as u64;
        if let Some(min) = self.0.filter(|min| len < *min) {
            return Err(unfit(format!("at least {min} {unit}"), len));
        }
        if let Some(max) = self.1.filter(|max| len > *max) {
            return Err(unfit(format!("at most {max} {unit}"), len));
        }
        Ok(())
    }
}

fn unfit(must: impl Into<String>, got: impl fmt::Display) -> Unfit {
    Unfit {
        must: must.into(),
        got: got.to_string(),
    }
}

fn one_of(allowed: &[impl fmt::Display]) -> String {
    let all: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    format!("one of {}", all.join(", "))
}

/// Text as an error shows it: quoted and cut.
fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 64;
    format!("{:?}", text.chars().take(SHOWN_CHARS).collect::<String>())
}
