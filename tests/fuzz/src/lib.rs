//! The protocol's words by themselves, with what the targets do to them.
//!
//! The files are the host's and the tests' own. Taken alone they build in a minute, also with sanitizers; the whole
//! host would take many. The crate answers to the host's name, so that the files need not know.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target that cannot go on has found something"
)]

extern crate self as aviary;

#[path = "../../../host/src/fault.rs"]
pub mod fault;
#[path = "../../src/fuzz.rs"]
pub mod fuzz;
#[path = "../../../host/src/limits.rs"]
pub mod limits;
#[path = "../../src/tree.rs"]
pub mod tree;

/// What `host/src/atproto.rs` declares, as far as the targets go.
#[path = "../../../host/src/atproto"]
pub mod atproto {
    pub mod car;
    pub mod cbor;
    pub mod cid;
    pub mod commit;
    pub mod did_document;
    pub mod frame;
    pub mod json;
    pub mod keys;
    pub mod mst;
    pub mod proof;
    pub mod syntax;

    pub use cid::Cid;
    pub use did_document::DidDocument;
    pub use keys::PublicKey;
    pub use syntax::{AtUri, Did, Handle, Nsid, RecordKey, SyntaxError, Tid};
}
