//! Content identifiers as this network uses them: CIDv1, SHA-256, DAG-CBOR or raw; 36 bytes, copied freely.

use std::fmt;

use sha2::{Digest, Sha256};

/// The length of a CID's binary form (bytes).
pub const CID_BYTES: usize = 36;

/// CIDv1 with SHA-256 over DAG-CBOR (0x71) or raw bytes (0x55).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid([u8; CID_BYTES]);

/// What a CID must be here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a CIDv1 with SHA-256 (codec dag-cbor or raw), got {got}")]
pub struct CidError {
    got: String,
}

impl Cid {
    /// The CID of a DAG-CBOR block.
    #[must_use]
    pub fn of_dag_cbor(block: &[u8]) -> Self {
        Self::of_dag_cbor_parts(&[block])
    }

    /// The CID of a DAG-CBOR block that lies in parts.
    pub(crate) fn of_dag_cbor_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        let mut bytes = [0; CID_BYTES];
        bytes[..4].copy_from_slice(&[1, 0x71, 0x12, 32]);
        bytes[4..].copy_from_slice(&hasher.finalize());
        Self(bytes)
    }

    /// Reads the binary form, without a multibase prefix.
    ///
    /// # Errors
    /// When the bytes are another kind of CID or none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        let err = || CidError {
            got: format!(
                "{} bytes {:02x?}",
                bytes.len(),
                &bytes[..bytes.len().min(8)]
            ),
        };
        let array: [u8; CID_BYTES] = bytes.try_into().map_err(|_| err())?;
        match array[..4] {
            [1, 0x71 | 0x55, 0x12, 32] => Ok(Self(array)),
            _ => Err(err()),
        }
    }

    /// Reads the text form (`b` and lower-case base32).
    ///
    /// # Errors
    /// When the text is another kind of CID or none.
    pub fn parse(text: &str) -> Result<Self, CidError> {
        let err = || CidError {
            got: format!("{:?}", text.chars().take(80).collect::<String>()),
        };
        let cid = ::cid::Cid::try_from(text).map_err(|_| err())?;
        Self::from_bytes(&cid.to_bytes()).map_err(|_| err())
    }

    /// The binary form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; CID_BYTES] {
        &self.0
    }

    /// Whether a block's bytes are what this CID names.
    #[must_use]
    pub fn matches(&self, block: &[u8]) -> bool {
        self.0[4..] == Sha256::digest(block)[..]
    }
}

/// From DAG-CBOR: a link, tag 42.
impl<'de> serde::Deserialize<'de> for Cid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let cid = ::cid::Cid::deserialize(deserializer)?;
        // On the stack, because each frame has several: four varints and the longest hash that the library holds.
        let mut room = [0; 4 * 10 + 64];
        let written = cid.write_bytes(&mut room[..]);
        let len = written.map_err(serde::de::Error::custom)?;
        Self::from_bytes(&room[..len]).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        // 36 bytes are 288 bits: 58 base32 digits, no padding.
        let mut text = [b'b'; 59];
        let (mut acc, mut bits, mut at) = (0_u32, 0_u32, 1);
        for byte in self.0 {
            acc = (acc << 8) | u32::from(byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text[at] = ALPHABET[(acc >> bits) as usize & 31];
                at += 1;
            }
        }
        text[at] = ALPHABET[(acc << (5 - bits)) as usize & 31];
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree_with_the_cid_crate() {
        let cid = Cid::of_dag_cbor(b"\xa0");
        let theirs = ::cid::Cid::try_from(cid.as_bytes().as_slice()).unwrap();
        assert_eq!(cid.to_string(), theirs.to_string());
        assert_eq!(Cid::parse(&cid.to_string()).unwrap(), cid);
        assert!(cid.matches(b"\xa0") && !cid.matches(b"\xa1"));
    }

    #[test]
    fn other_kinds_are_refused() {
        assert!(Cid::parse("QmY7Yh4UquoXHLPFo2XbhXkhBvFoPwmQUSa92pxnxjQuPU").is_err());
        assert!(Cid::from_bytes(&[1, 0x70, 0x12, 32]).is_err());
    }
}
