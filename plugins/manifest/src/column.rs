//! Columns, index terms and parameters, each written as one short string in the manifest.

use serde::{Deserialize, Serialize};

use crate::ManifestError;

/// What a value of a column is. `did` and `at-uri` are text to a guest and interned by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 without NUL.
    Text,
    /// int64.
    Integer,
    /// Finite float64.
    Real,
    /// True or false.
    Boolean,
    /// int64 microseconds since 1970.
    Time,
    /// Bytes.
    Bytes,
    /// A JSON document.
    Json,
    /// A DID.
    Did,
    /// A record's AT URI with a DID as authority.
    AtUri,
}

impl ColumnType {
    /// The manifest's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::Json => "json",
            Self::Did => "did",
            Self::AtUri => "at-uri",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        const ALL: [ColumnType; 9] = [
            ColumnType::Text,
            ColumnType::Integer,
            ColumnType::Real,
            ColumnType::Boolean,
            ColumnType::Time,
            ColumnType::Bytes,
            ColumnType::Json,
            ColumnType::Did,
            ColumnType::AtUri,
        ];
        ALL.into_iter().find(|t| t.word() == word)
    }
}

/// `"name type"`, with `?` after the type when it may be null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Column {
    /// Identifier.
    pub name: String,
    /// What it holds.
    pub ty: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
}

impl TryFrom<String> for Column {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut words = text.split_whitespace();
        let (Some(name), Some(ty), None) = (words.next(), words.next(), words.next()) else {
            return Err(ManifestError::Column { got: text });
        };
        let (word, nullable) = ty.strip_suffix('?').map_or((ty, false), |w| (w, true));
        let Some(ty) = ColumnType::from_word(word) else {
            return Err(ManifestError::Column { got: text });
        };
        Ok(Self {
            name: name.to_owned(),
            ty,
            nullable,
        })
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        let mark = if column.nullable { "?" } else { "" };
        format!("{} {}{mark}", column.name, column.ty.word())
    }
}

/// `"column"` or `"column desc"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IndexTerm {
    /// A column of the table, or `_uri`, `_did`, `_seen`.
    pub column: String,
    /// Largest first.
    pub descending: bool,
}

impl TryFrom<String> for IndexTerm {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (column, descending) = match words[..] {
            [column] | [column, "asc"] => (column, false),
            [column, "desc"] => (column, true),
            _ => return Err(ManifestError::IndexTerm { got: text }),
        };
        Ok(Self {
            column: column.to_owned(),
            descending,
        })
    }
}

impl From<IndexTerm> for String {
    fn from(term: IndexTerm) -> Self {
        format!(
            "{}{}",
            term.column,
            if term.descending { " desc" } else { "" }
        )
    }
}

/// `"type"`, or `"type[]"` for a list that stands in `x in ($1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParamType {
    /// What each value is.
    pub ty: ColumnType,
    /// Whether it is a list.
    pub list: bool,
}

impl TryFrom<String> for ParamType {
    type Error = ManifestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (word, list) = text
            .strip_suffix("[]")
            .map_or((text.as_str(), false), |w| (w, true));
        match ColumnType::from_word(word) {
            Some(ty) => Ok(Self { ty, list }),
            None => Err(ManifestError::Param { got: text }),
        }
    }
}

impl From<ParamType> for String {
    fn from(param: ParamType) -> Self {
        format!("{}{}", param.ty.word(), if param.list { "[]" } else { "" })
    }
}
