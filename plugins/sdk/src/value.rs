//! Values on their way into rows and parameters, and out of reads.

use serde::{Serialize, Serializer};

use crate::Time;
use crate::base64;
use crate::wit::types::{Param, Value};

/// A `json` column's document. Serializes as the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// The document of a value.
    ///
    /// # Errors
    /// When the value has no JSON form, such as a map whose keys are not strings.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&serde_json::value::RawValue> for Json {
    fn from(raw: &serde_json::value::RawValue) -> Self {
        Self(raw.get().to_owned())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue =
            serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A `bytes` column's value. Serializes as atproto JSON has it, `{"$bytes": base64}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wrapped {
            #[serde(rename = "$bytes")]
            bytes: String,
        }
        let bytes = base64::standard(&self.0);
        Wrapped { bytes }.serialize(serializer)
    }
}

/// A Rust value that a column or a parameter takes.
pub trait IntoValue {
    /// As the interface has it.
    fn into_value(self) -> Value;
}

/// A Rust value that a read's column gives.
pub trait FromValue: Sized {
    /// `None` when it is of another type.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! value {
    ($rust:ty, $case:ident, |$v:ident| $into:expr, $from:expr) => {
        impl IntoValue for $rust {
            fn into_value(self) -> Value {
                let $v = self;
                Value::$case($into)
            }
        }

        impl FromValue for $rust {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$case($v) => Some($from),
                    _ => None,
                }
            }
        }
    };
}

value!(bool, Boolean, |v| v, v);
value!(i64, Integer, |v| v, v);
value!(f64, Real, |v| v, v);
value!(String, Text, |v| v, v);
value!(Bytes, Bytes, |v| v.0, Bytes(v));
value!(Json, Json, |v| v.0, Json(v));
value!(Time, TimeUs, |v| v.us(), Time::from_us(v));

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A parameter of a read: one value, or the values of a list.
pub trait IntoParam {
    /// As the interface has it.
    fn into_param(self) -> Param;
}

impl<T: IntoValue> IntoParam for T {
    fn into_param(self) -> Param {
        Param::One(self.into_value())
    }
}
