//! What an Aviary plugin is written with.
//!
//! Beside `Cargo.toml` lies `plugin.toml`, the manifest. [`plugin!`] at the crate's root reads it and makes, so that
//! code and manifest cannot drift:
//! - `Plugin`, the type that the author implements the plugin on;
//! - `tables`, a struct for each table, and `reads`, a function and a result row for each named read;
//! - `params`, a struct for each method's parameters, and `Methods`, a trait with a function for each method;
//! - the component's exports: `indexer` when there are collections ([`Indexer`] must be implemented), `methods` when
//!   there are methods;
//! - the custom section `aviary:manifest`, with the lexicon documents in it.
//!
//! Everything also compiles for the author's own machine, where [`testing`] stands in for the host.
//! `docs/PLUGINS.md` is the guide.

mod base64;
mod cursor;
mod host;
mod indexer;
mod methods;
mod store;
mod syntax;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod time;
mod value;
pub mod wit;

pub use aviary_plugin_macros::{embed_manifest, plugin};
pub use host::{Level, StoredRecord, log, records, settings};
pub use indexer::{Change, Indexer, Outcome, Refusal, Row, Rows, reject, skip};
pub use methods::{Answer, Request, Response, XrpcError};
pub use serde;
pub use serde_json;
pub use store::StoreError;
pub use syntax::{is_did, is_nsid, is_record_uri};
pub use time::Time;
pub use value::{Bytes, Json};

pub use cursor::Cursor;

/// What the macros' output calls; not for authors.
#[doc(hidden)]
pub mod made {
    pub use crate::indexer::index_batch;
    pub use crate::methods::{Handler, handle};
    pub use crate::store::{FromRow, columns, read};
    pub use crate::value::{FromValue, IntoParam, IntoValue};
    pub use crate::wit::indexer::export_indexer;
    pub use crate::wit::methods::export_methods;
    pub use crate::wit::types::{Put, Value};
}
