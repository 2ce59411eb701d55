//! The protocol's words and bytes: identifiers, CIDs, keys, DID documents, DAG-CBOR, CAR slices, trees, proofs, stream
//! frames, lexicons.
//!
//! Guarantees: pure functions without I/O; a value of one of these types is well-formed; every bound comes from
//! [`crate::limits`].

pub mod car;
pub mod cbor;
pub mod cid;
pub mod commit;
pub mod did_document;
pub mod frame;
pub mod json;
pub mod keys;
pub mod lexicon;
pub mod mst;
pub mod proof;
pub mod syntax;

pub use cid::Cid;
pub use did_document::DidDocument;
pub use keys::PublicKey;
pub use syntax::{AtUri, Did, Handle, Nsid, RecordKey, SyntaxError, Tid};
