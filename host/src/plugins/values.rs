//! Values as a guest writes and reads them, the same for every WIT version: typed, not yet held against a manifest.

/// One value as it crosses the boundary of a guest.
#[derive(Clone, Debug, PartialEq)]
pub enum RawValue {
    /// No value.
    Null,
    /// For `boolean`.
    Boolean(bool),
    /// For `integer`.
    Integer(i64),
    /// For `real`.
    Real(f64),
    /// For `text`, `did`, `at-uri`, and `time` in RFC 3339.
    Text(String),
    /// For `bytes`.
    Bytes(Vec<u8>),
    /// For `json`.
    Json(String),
    /// For `time`, microseconds since 1970.
    TimeUs(i64),
}

/// One row that a guest wants in one of its tables.
#[derive(Clone, Debug, PartialEq)]
pub struct RawPut {
    /// The table's ordinal in the manifest.
    pub table: u16,
    /// One value for each declared column.
    pub row: Vec<RawValue>,
}

/// A read's parameter as a guest passes it.
#[derive(Clone, Debug, PartialEq)]
pub enum RawParam {
    /// One value.
    One(RawValue),
    /// A list for `x in ($1)`.
    Many(Vec<RawValue>),
}

impl RawValue {
    /// The word for what it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Real(_) => "real",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Json(_) => "json",
            Self::TimeUs(_) => "time-us",
        }
    }

    /// What it holds (bytes), numbers as 8.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) => 1,
            Self::Integer(_) | Self::Real(_) | Self::TimeUs(_) => 8,
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}
