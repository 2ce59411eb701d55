//! The protocol's words and bytes: identifiers, CIDs, DAG-CBOR, CAR slices, stream frames, lexicons.
//!
//! Guarantees: pure functions without I/O; a value of one of these types is well-formed; every bound comes from
//! [`crate::limits`]. Does not check signatures or trees.

pub mod car;
pub mod cbor;
pub mod cid;
pub mod commit;
pub mod frame;
pub mod json;
pub mod lexicon;
pub mod syntax;

pub use cid::Cid;
pub use syntax::{AtUri, Did, Nsid, RecordKey, SyntaxError, Tid};
