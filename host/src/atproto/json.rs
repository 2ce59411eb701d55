//! Records as JSON: DAG-CBOR to the atproto JSON form in one pass, without a tree between them, and back.
//!
//! Links become `{"$link": "b…"}`, byte strings `{"$bytes": "…"}` (base64 without padding); integers keep all 64
//! bits; keys keep the order of the bytes. Text is escaped where JSON asks for it and nowhere else.

mod read;

use std::fmt::Write as _;

pub use read::{JsonError, read};

use super::Cid;
use super::cbor::{self, CborError, Visit};

/// Appends the atproto JSON form of one DAG-CBOR item. On an error `out` is as it was.
///
/// # Errors
/// When the bytes are not one item of the atproto data model.
pub fn write(item: &[u8], out: &mut String) -> Result<(), CborError> {
    let start = out.len();
    let mut writer = Writer { out, start };
    let written = cbor::walk(item, &mut writer).and_then(|len| cbor::ends_at(item, len));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

struct Writer<'o> {
    out: &'o mut String,
    start: usize,
}

impl Writer<'_> {
    /// A comma, unless this is the first thing in its container or the value of a key.
    fn separate(&mut self) {
        let before = self.out.as_bytes()[self.start..].last();
        if !matches!(before, None | Some(b'{' | b'[' | b':')) {
            self.out.push(',');
        }
    }

    /// Writing to a `String` cannot fail, so its result says nothing.
    fn display(&mut self, value: impl std::fmt::Display) {
        let _infallible = write!(self.out, "{value}");
    }
}

impl<'a> Visit<'a> for Writer<'_> {
    fn null(&mut self) {
        self.separate();
        self.out.push_str("null");
    }

    fn bool(&mut self, value: bool) {
        self.separate();
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn integer(&mut self, value: i64) {
        self.separate();
        self.display(value);
    }

    fn bytes(&mut self, value: &'a [u8]) {
        self.separate();
        self.out.push_str("{\"$bytes\":\"");
        base64(value, self.out);
        self.out.push_str("\"}");
    }

    fn text(&mut self, value: &'a str) {
        self.separate();
        quote(value, self.out);
    }

    fn link(&mut self, value: Cid) {
        self.separate();
        self.out.push_str("{\"$link\":\"");
        self.display(value);
        self.out.push_str("\"}");
    }

    fn open_array(&mut self) {
        self.separate();
        self.out.push('[');
    }

    fn close_array(&mut self) {
        self.out.push(']');
    }

    fn open_map(&mut self) {
        self.separate();
        self.out.push('{');
    }

    fn key(&mut self, key: &'a str) {
        self.separate();
        quote(key, self.out);
        self.out.push(':');
    }

    fn close_map(&mut self) {
        self.out.push('}');
    }
}

/// Appends text in quotes; runs that need no escape are copied whole.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        // An escaped byte is ASCII, so both cuts fall between characters.
        out.push_str(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Appends base64 of the standard alphabet, without padding.
fn base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or_default());
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for digit in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * digit)) & 63;
            out.push(char::from(ALPHABET[index as usize]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(item: &[u8]) -> String {
        let mut out = String::new();
        write(item, &mut out).unwrap();
        out
    }

    #[test]
    fn every_kind_has_its_form() {
        let cid = Cid::of_dag_cbor(b"\xa0");
        let item = [
            &b"\xa3\x61a\x85\xf6\xf5\xf4\x20\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x61b\x42\xfb\xff\x61c\xd8\x2a\x58\x25\x00"[..],
            cid.as_bytes(),
        ]
        .concat();
        let expected = format!(
            r#"{{"a":[null,true,false,-1,9223372036854775807],"b":{{"$bytes":"+/8"}},"c":{{"$link":"{cid}"}}}}"#
        );
        assert_eq!(json(&item), expected);
    }

    #[test]
    fn text_is_escaped_as_json_asks() {
        for text in [
            "",
            "a\"b\\c\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}é\u{2028}😀",
            "{",
            "[",
            ":,",
        ] {
            let item = serde_ipld_dagcbor::to_vec(&vec![text, text]).unwrap();
            let back: Vec<String> = serde_json::from_str(&json(&item)).unwrap();
            assert_eq!(back, [text, text]);
        }
        assert_eq!(json(b"\x63\xe2\x80\xa8"), "\"\u{2028}\"");
    }

    #[test]
    fn empty_containers_and_neighbours_are_kept_apart() {
        assert_eq!(json(b"\x84\x80\xa0\x40\x60"), r#"[[],{},{"$bytes":""},""]"#);
    }

    #[test]
    fn base64_follows_the_vectors_of_rfc_4648() {
        for (plain, coded) in [
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = String::new();
            base64(plain.as_bytes(), &mut out);
            assert_eq!(out, coded);
        }
    }

    #[test]
    fn an_error_leaves_the_text_as_it_was() {
        let mut out = String::from("[");
        assert!(write(b"\x82\x01\xf7", &mut out).is_err());
        assert!(write(b"\x01\x01", &mut out).is_err());
        assert_eq!(out, "[");
        write(b"\x01", &mut out).unwrap();
        assert_eq!(out, "[1");
    }
}
