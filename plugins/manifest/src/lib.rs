//! A plugin's manifest: what `plugin.toml` says, as the SDK embeds it and as the host reads it.
//!
//! Guarantees: a [`Manifest`] that came out of [`Manifest::from_toml`] or [`Manifest::from_json`] obeys every rule
//! that needs nothing but the manifest (names, types, keys, references between its parts, bounds); one that came out
//! of [`Manifest::embed`] or [`Manifest::from_json`] also has a lexicon document for each method. Does not check SQL
//! or lexicons' insides, nor what a component exports: the host does.

mod column;
mod error;
mod parse;
mod rules;
mod shape;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use column::{Column, ColumnType, IndexTerm, ParamType};
pub use error::ManifestError;
pub use parse::SECTION;

/// Everything a plugin declares about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Identifier; also the namespace of the plugin's tables.
    pub name: String,
    /// The plugin's own version (semver).
    pub version: String,
    /// The WIT version it was built against, `major.minor`.
    pub api: String,
    /// One line for people.
    #[serde(default)]
    pub summary: String,
    /// Collections it indexes: NSIDs, or a prefix and `.*`.
    #[serde(default)]
    pub collections: Vec<String>,
    /// How records' bodies reach the guest.
    #[serde(default)]
    pub body: Body,
    /// Raised by the author when the same record now gives other rows.
    #[serde(default = "one")]
    pub index_version: u32,
    /// Tables, in the order that `put.table` counts.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Counts that the host keeps.
    #[serde(default)]
    pub counts: Vec<Count>,
    /// Named SELECTs.
    #[serde(default)]
    pub reads: Vec<Read>,
    /// XRPC methods by NSID.
    #[serde(default)]
    pub methods: BTreeMap<String, Method>,
    /// What the operator has to grant.
    #[serde(default)]
    pub asks: Asks,
    /// In `plugin.toml` globs of files; embedded, the lexicon documents themselves.
    #[serde(default)]
    pub lexicons: Vec<serde_json::Value>,
}

fn one() -> u32 {
    1
}

/// How a record's body reaches the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// As atproto JSON.
    #[default]
    Json,
    /// Not at all.
    None,
}

/// One table of rows that records own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Table {
    /// Identifier.
    pub name: String,
    /// `"name type"` or `"name type?"`, in the order of `put.row`.
    pub columns: Vec<Column>,
    /// Columns that name a row; contains the owner: `_uri` or `_did`.
    pub key: Vec<String>,
    /// Each a list of `"column"` or `"column desc"`.
    #[serde(default)]
    pub indexes: Vec<Vec<IndexTerm>>,
    /// `did` and `at-uri` columns: the row is hidden with what they refer to.
    #[serde(default)]
    pub hide_with: Vec<String>,
}

/// A table of numbers that the host keeps: rows of `table` by the values of `by`; columns `by…, n`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Count {
    /// Identifier.
    pub name: String,
    /// Whose rows are counted.
    pub table: String,
    /// Columns of that table; `_did` is allowed.
    pub by: Vec<String>,
    /// Indexes beside the one by `by`, such as `["n desc"]`.
    #[serde(default)]
    pub indexes: Vec<Vec<IndexTerm>>,
}

/// A named SELECT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Read {
    /// Identifier.
    pub name: String,
    /// `$1`, `$2`, …: a type, or `type[]` for a list.
    #[serde(default)]
    pub params: Vec<ParamType>,
    /// What the SELECT's columns are called and are.
    pub returns: Vec<Column>,
    /// One SELECT.
    pub sql: String,
}

/// One XRPC method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Method {
    /// Whether a caller must prove who they are.
    #[serde(default)]
    pub auth: Auth,
}

/// Whether a caller must prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Never looked at.
    #[default]
    None,
    /// Looked at when sent.
    Optional,
    /// Refused without it.
    Required,
}

/// What a plugin asks for and an operator grants or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Asks {
    /// Other plugins' tables to read, `plugin.table`.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Hosts for outbound HTTPS.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Memory of one instance above the default (MiB).
    #[serde(default)]
    pub memory_mib: Option<u32>,
}
