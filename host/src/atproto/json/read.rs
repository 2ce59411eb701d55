//! Records from JSON: the atproto JSON form to canonical DAG-CBOR in one pass, without a tree between them.
//!
//! Guarantees: what comes out passes [`cbor::check_one`]; equal records give equal bytes, whatever the order of their
//! keys. Strict: a `$link` or `$bytes` that is not the only key of its object, a key that comes twice and a number
//! that is no integer are refused. Does not look at `$type` or at the shape of blobs.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::Cid;
use super::super::cbor::{self, CborError};
use crate::fault::{Class, Classify};

/// Why a text has no DAG-CBOR form.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON, or not of the data model.
    #[error("expected JSON of the atproto data model: {0}")]
    Json(#[from] serde_json::Error),
    /// Its DAG-CBOR is over a bound.
    #[error("its DAG-CBOR is over a bound: {0}")]
    Bound(#[from] CborError),
}

impl Classify for JsonError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// The DAG-CBOR of one JSON value.
///
/// # Errors
/// When the text is not JSON of the atproto data model, or over a bound of [`crate::limits`].
pub fn read(text: &str) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::with_capacity(text.len());
    // Its own bound on nesting, 128, keeps the recursion small; the walk below has the protocol's.
    let mut input = serde_json::Deserializer::from_str(text);
    Item(&mut out).deserialize(&mut input)?;
    input.end()?;
    cbor::check_one(&out)?;
    Ok(out)
}

/// One value, appended.
struct Item<'o>(&'o mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the atproto data model")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.push(0xf6);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.push(if value { 0xf5 } else { 0xf4 });
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match u64::try_from(value) {
            Ok(value) => head(self.0, 0, value),
            // -1 - n, and the bits of a negative number turned over are n.
            Err(_) => head(self.0, 1, !value as u64),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        let value = i64::try_from(value).map_err(|_| {
            E::custom(format!(
                "expected an integer of 64 bits with sign, got {value}"
            ))
        })?;
        self.visit_i64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        /// Up to here a double holds every integer.
        const EXACT_MAX: f64 = 9_007_199_254_740_991.0;
        if value.fract() != 0.0 || value.abs() > EXACT_MAX {
            return Err(E::custom(format!("expected an integer, got {value}")));
        }
        self.visit_i64(value as i64)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        text(self.0, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let start = self.0.len();
        let mut len = 0;
        while items.next_element_seed(Item(self.0))?.is_some() {
            len += 1;
        }
        let mut before = Vec::with_capacity(9);
        head(&mut before, 4, len);
        self.0.splice(start..start, before);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let out = self.0;
        let start = out.len();
        let mut entries: Vec<(String, Range<usize>)> = Vec::new();
        let mut special = None;
        while let Some(key) = map.next_key::<String>()? {
            let from = out.len();
            text(out, &key);
            if key == "$link" || key == "$bytes" {
                special = Some(map.next_value::<String>()?);
            } else {
                map.next_value_seed(Item(out))?;
            }
            entries.push((key, from..out.len()));
        }
        if let Some(value) = special {
            let [(key, _)] = entries.as_slice() else {
                return Err(A::Error::custom(
                    "expected $link or $bytes to be the only key of its object",
                ));
            };
            out.truncate(start);
            return if key == "$link" {
                link(out, &value)
            } else {
                bytes(out, &value)
            };
        }
        entries.sort_unstable_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let key = &pair[0].0;
            return Err(A::Error::custom(format!("the key {key:?} comes twice")));
        }
        let mut sorted = Vec::with_capacity(out.len() - start);
        for (_, range) in &entries {
            sorted.extend_from_slice(&out[range.clone()]);
        }
        out.truncate(start);
        head(out, 5, entries.len() as u64);
        out.extend_from_slice(&sorted);
        Ok(())
    }
}

/// Tag 42 with a zero byte and the CID.
fn link<E: Error>(out: &mut Vec<u8>, value: &str) -> Result<(), E> {
    let cid = Cid::parse(value).map_err(E::custom)?;
    head(out, 6, 42);
    head(out, 2, cid.as_bytes().len() as u64 + 1);
    out.push(0);
    out.extend_from_slice(cid.as_bytes());
    Ok(())
}

fn bytes<E: Error>(out: &mut Vec<u8>, value: &str) -> Result<(), E> {
    let bytes = shrike::cbor::json::decode_base64(value)
        .ok_or_else(|| E::custom("expected base64 in $bytes"))?;
    head(out, 2, bytes.len() as u64);
    out.extend_from_slice(&bytes);
    Ok(())
}

fn text(out: &mut Vec<u8>, value: &str) {
    head(out, 3, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

/// A major type and its number, in the shortest form.
fn head(out: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    let bytes = value.to_be_bytes();
    match value {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_by_length_and_then_by_bytes() {
        let bytes = read(r#"{"bb":1,"a":[true,null],"aa":{"z":-1,"y":""}}"#).unwrap();
        assert_eq!(
            bytes,
            b"\xa3\x61a\x82\xf5\xf6\x62aa\xa2\x61y\x60\x61z\x20\x62bb\x01"
        );
    }

    #[test]
    fn integers_take_the_shortest_form_up_to_64_bits() {
        for (text, bytes) in [
            ("23", &b"\x17"[..]),
            ("24", b"\x18\x18"),
            ("256", b"\x19\x01\x00"),
            ("65536", b"\x1a\x00\x01\x00\x00"),
            ("4294967296", b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"),
            (
                "-9223372036854775808",
                b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff",
            ),
            ("123.0", b"\x18\x7b"),
        ] {
            assert_eq!(read(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn what_the_data_model_does_not_have_is_refused() {
        for text in [
            "1.5",
            "9223372036854775808",
            "1e300",
            r#"{"a":1,"a":1}"#,
            r#"{"$link":"."}"#,
            r#"{"$link":1}"#,
            r#"{"$bytes":"!"}"#,
            r#"{"$bytes":"aGk","other":1}"#,
            r#"{"a":1} 2"#,
            r#"{"a":"#,
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(&deep(32)).is_ok() && read(&deep(33)).is_err());
        assert!(read(&deep(100_000)).is_err());
    }

    #[test]
    fn what_was_written_is_read_back() {
        let cid = Cid::of_dag_cbor(b"\xa0");
        let item = [
            &b"\xa2\x61a\x42\xfb\xff\x61c\xd8\x2a\x58\x25\x00"[..],
            cid.as_bytes(),
        ]
        .concat();
        let mut text = String::new();
        super::super::write(&item, &mut text).unwrap();
        assert_eq!(read(&text).unwrap(), item);
    }
}
