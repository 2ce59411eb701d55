//! The commit object: what an account signs \[repository, "Commit Objects"\].
//!
//! Guarantees: the block is strict DAG-CBOR and its fields have their shapes. Does not check the signature.

use serde::Deserialize;

use super::cbor::{self, CborError};
use super::{Cid, Did, SyntaxError, Tid};
use crate::fault::{Class, Classify};

/// Why a block is not a commit object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The block is not DAG-CBOR.
    #[error("in a commit object: {0}")]
    Cbor(#[from] CborError),
    /// A field is missing or of another type.
    #[error("expected a commit object (did, version, data, rev, prev, sig), got: {0}")]
    Shape(String),
    /// A repository of another version.
    #[error("expected a repository of version 2 or 3, got version {0}")]
    Version(i64),
    /// A field's text is malformed.
    #[error("in a commit object's {field}: {source}")]
    Field {
        /// Which.
        field: &'static str,
        /// What came.
        source: SyntaxError,
    },
}

impl Classify for CommitError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// A decoded commit object. Borrows the block it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitObject<'a> {
    /// Whose repository.
    pub did: Did,
    /// 3; 2 in repositories that have not changed since 2023.
    pub version: i64,
    /// The tree's root.
    pub data: Cid,
    /// The revision.
    pub rev: Tid,
    /// The commit before; null today.
    pub prev: Option<Cid>,
    /// The signature over the object without this field (bytes).
    pub sig: &'a [u8],
}

impl<'a> CommitObject<'a> {
    /// Reads a commit block.
    ///
    /// # Errors
    /// When the block is not strict DAG-CBOR or its fields do not have their shapes.
    pub fn decode(block: &'a [u8]) -> Result<Self, CommitError> {
        cbor::check_one(block)?;
        let wire: Wire<'_> =
            serde_ipld_dagcbor::from_slice(block).map_err(|e| CommitError::Shape(e.to_string()))?;
        if !matches!(wire.version, 2 | 3) {
            return Err(CommitError::Version(wire.version));
        }
        let field = |field| move |source| CommitError::Field { field, source };
        Ok(Self {
            did: Did::parse(wire.did).map_err(field("did"))?,
            version: wire.version,
            data: wire.data,
            rev: Tid::parse(wire.rev).map_err(field("rev"))?,
            prev: wire.prev,
            sig: wire.sig,
        })
    }

    /// The bytes that the signature is over: `block` without its `sig` \[repository, "Commit Objects"\]. `None` when
    /// the signature is not one of 64 bytes, or `block` is not what this was decoded from.
    #[must_use]
    pub fn signed_bytes(&self, block: &[u8]) -> Option<Vec<u8>> {
        // `sig` as a key, and the header of 64 bytes.
        const FIELD: &[u8] = b"\x63sig\x58\x40";
        const SIGNATURE_BYTES: usize = 64;
        let at = (self.sig.as_ptr() as usize).checked_sub(block.as_ptr() as usize)?;
        let (before, after) = (block.get(..at)?, block.get(at + self.sig.len()..)?);
        let before = before.strip_suffix(FIELD)?;
        let (header, fields) = before.split_first()?;
        // A map of fewer than 24 fields has its length in the header's low bits.
        if self.sig.len() != SIGNATURE_BYTES || !(0xa1..=0xb7).contains(header) {
            return None;
        }
        let mut bytes = Vec::with_capacity(block.len());
        bytes.push(header - 1);
        bytes.extend_from_slice(fields);
        bytes.extend_from_slice(after);
        Some(bytes)
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    did: &'a str,
    version: i64,
    data: Cid,
    rev: &'a str,
    #[serde(default)]
    prev: Option<Cid>,
    #[serde(with = "serde_bytes")]
    sig: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(version: i64, did: &str, rev: &str) -> Vec<u8> {
        let data = ::cid::Cid::try_from(&Cid::of_dag_cbor(b"\xa0").as_bytes()[..]).unwrap();
        #[derive(serde::Serialize)]
        struct Block<'a> {
            did: &'a str,
            rev: &'a str,
            sig: &'a serde_bytes::Bytes,
            data: ::cid::Cid,
            prev: Option<::cid::Cid>,
            version: i64,
        }
        serde_ipld_dagcbor::to_vec(&Block {
            did,
            rev,
            sig: serde_bytes::Bytes::new(&[7; 64]),
            data,
            prev: None,
            version,
        })
        .unwrap()
    }

    #[test]
    fn a_commit_object_is_read() {
        let block = block(3, "did:plc:abc", "3jzfcijpj2z2a");
        let commit = CommitObject::decode(&block).unwrap();
        assert_eq!(commit.did.as_str(), "did:plc:abc");
        assert_eq!(commit.rev.as_str(), "3jzfcijpj2z2a");
        assert_eq!(commit.data, Cid::of_dag_cbor(b"\xa0"));
        assert_eq!((commit.prev, commit.sig), (None, &[7; 64][..]));
    }

    #[test]
    fn what_is_signed_is_the_object_without_its_signature() {
        let block = block(3, "did:plc:abc", "3jzfcijpj2z2a");
        let commit = CommitObject::decode(&block).unwrap();
        #[derive(serde::Serialize)]
        struct Unsigned<'a> {
            did: &'a str,
            rev: &'a str,
            data: ::cid::Cid,
            prev: Option<::cid::Cid>,
            version: i64,
        }
        let unsigned = serde_ipld_dagcbor::to_vec(&Unsigned {
            did: "did:plc:abc",
            rev: "3jzfcijpj2z2a",
            data: ::cid::Cid::try_from(&Cid::of_dag_cbor(b"\xa0").as_bytes()[..]).unwrap(),
            prev: None,
            version: 3,
        });
        assert_eq!(commit.signed_bytes(&block), Some(unsigned.unwrap()));
        assert_eq!(commit.signed_bytes(&block.clone()), None);
    }

    #[test]
    fn malformed_fields_are_named() {
        let error = |block: &[u8]| CommitObject::decode(block).unwrap_err().to_string();
        assert!(error(&block(4, "did:plc:abc", "3jzfcijpj2z2a")).contains("version 4"));
        assert!(error(&block(3, "nobody", "3jzfcijpj2z2a")).contains("did"));
        assert!(error(&block(3, "did:plc:abc", "")).contains("rev"));
        assert!(error(b"\xa1\x63did\x61a").contains("missing field"));
        assert!(error(b"\xa0\xa0").contains("end"));
    }
}
