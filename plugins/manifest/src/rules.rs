//! Rules that hold a manifest's parts together. The first broken one is told, with its place, what was expected
//! and what came.
//!
//! [`check`] needs nothing but the manifest; [`check_documents`] needs the lexicon documents, so it runs once they
//! are embedded.

mod documents;
mod names;
mod queries;
mod tables;

pub(crate) use documents::check as check_documents;

use crate::{Manifest, ManifestError};

/// Tables of one plugin.
pub(crate) const TABLES_MAX: usize = 32;
/// Columns of one table, or of one read's result.
pub(crate) const COLUMNS_MAX: usize = 64;
/// Indexes of one table or count.
pub(crate) const INDEXES_MAX: usize = 16;
/// Columns of one key, one index, or one count's `by`.
pub(crate) const TERMS_MAX: usize = 8;
/// Counts of one plugin.
pub(crate) const COUNTS_MAX: usize = 32;
/// Reads of one plugin.
pub(crate) const READS_MAX: usize = 64;
/// Parameters of one read.
pub(crate) const PARAMS_MAX: usize = 32;
/// One read's SQL (bytes).
pub(crate) const SQL_BYTES_MAX: usize = 16 << 10;
/// Collections of one plugin.
pub(crate) const COLLECTIONS_MAX: usize = 256;
/// Methods of one plugin.
pub(crate) const METHODS_MAX: usize = 256;
/// Embedded lexicon documents, or globs of them.
pub(crate) const LEXICONS_MAX: usize = 512;
/// The one line for people (bytes).
pub(crate) const SUMMARY_BYTES_MAX: usize = 300;
/// Other plugins' tables, or hosts, that a plugin asks for.
pub(crate) const ASKS_MAX: usize = 64;
/// Memory that a plugin may ask for (MiB); the host's own bound is lower.
pub(crate) const MEMORY_MIB_MAX: u32 = 4_096;
/// The interface versions that a manifest may name.
const APIS: [&str; 1] = ["0.1"];

type Checked = Result<(), ManifestError>;

/// Every rule that needs nothing but the manifest.
pub(crate) fn check(manifest: &Manifest) -> Checked {
    head(manifest)?;
    purpose(manifest)?;
    tables::check(manifest)?;
    queries::check(manifest)?;
    asks(manifest)
}

fn head(m: &Manifest) -> Checked {
    names::plugin("name", &m.name)?;
    if !names::is_semver(&m.version) {
        return broken(
            "version",
            format!(
                "expected a semantic version such as \"1.2.3\", got {:?}",
                m.version
            ),
        );
    }
    if !APIS.contains(&m.api.as_str()) {
        return broken(
            "api",
            format!(
                "expected {:?}, the interface version that this host speaks, got {:?}",
                APIS[0], m.api
            ),
        );
    }
    at_most("summary", "bytes", m.summary.len(), SUMMARY_BYTES_MAX)?;
    at_most("lexicons", "entries", m.lexicons.len(), LEXICONS_MAX)
}

/// What it indexes and answers: something, each once, by well-formed names.
fn purpose(m: &Manifest) -> Checked {
    if m.collections.is_empty() && m.methods.is_empty() {
        return broken(
            "collections",
            "expected a collection to index or a method to answer, got neither".into(),
        );
    }
    at_most(
        "collections",
        "entries",
        m.collections.len(),
        COLLECTIONS_MAX,
    )?;
    for (i, collection) in m.collections.iter().enumerate() {
        if !names::is_collection(collection) {
            return broken(
                "collections",
                format!(
                    "expected an NSID, or a prefix of two or more segments and \".*\", got {collection:?}"
                ),
            );
        }
        if m.collections[..i].contains(collection) {
            return broken(
                "collections",
                format!("expected each collection once, got {collection:?} twice"),
            );
        }
    }
    if m.collections.is_empty() && !m.tables.is_empty() {
        return broken(
            "tables",
            "expected collections to fill the tables from, got none: add `collections` or remove the tables"
                .into(),
        );
    }
    at_most("methods", "entries", m.methods.len(), METHODS_MAX)?;
    for nsid in m.methods.keys() {
        if !names::is_nsid(nsid) {
            return broken("methods", format!("expected an NSID, got {nsid:?}"));
        }
    }
    Ok(())
}

fn asks(m: &Manifest) -> Checked {
    at_most("asks.tables", "entries", m.asks.tables.len(), ASKS_MAX)?;
    for name in &m.asks.tables {
        let ok = name
            .split_once('.')
            .is_some_and(|(plugin, table)| names::is_plugin(plugin) && names::is_name(table));
        if !ok {
            return broken(
                "asks.tables",
                format!("expected \"plugin.table\", got {name:?}"),
            );
        }
    }
    at_most("asks.hosts", "entries", m.asks.hosts.len(), ASKS_MAX)?;
    for host in &m.asks.hosts {
        if !names::is_host(host) {
            return broken(
                "asks.hosts",
                format!(
                    "expected a host name such as \"api.example.com\", without scheme, port or path, got {host:?}"
                ),
            );
        }
    }
    match m.asks.memory_mib {
        Some(mib) if !(1..=MEMORY_MIB_MAX).contains(&mib) => broken(
            "asks.memory_mib",
            format!("expected 1 to {MEMORY_MIB_MAX}, got {mib}"),
        ),
        _ => Ok(()),
    }
}

/// A rule that was broken at `place`.
fn broken<T>(place: impl Into<String>, message: String) -> Result<T, ManifestError> {
    Err(ManifestError::Rule {
        place: place.into(),
        message,
    })
}

fn at_most(place: &str, what: &str, got: usize, max: usize) -> Checked {
    if got > max {
        return broken(place, format!("expected at most {max} {what}, got {got}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
