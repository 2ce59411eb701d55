//! One generation's tables in the host's words: from the manifest to what names a row, what is counted, and what has
//! to be kept of a row for the day when it goes.
//!
//! Guarantees: everything here follows from the generation's number and the manifest alone. Does not know a database:
//! names and statements are the backends'.

use std::sync::Arc;

use aviary_manifest::{ColumnType, Count, Manifest, Table};

use crate::store::error::StoreError;
use crate::store::rows::GenerationId;

/// A generation's tables.
#[derive(Debug)]
pub(in crate::store) struct Shape {
    pub(in crate::store) id: GenerationId,
    pub(in crate::store) manifest: Arc<Manifest>,
    /// By the table's ordinal.
    pub(in crate::store) tables: Vec<TableShape>,
}

/// One table. "Kept" values are those of a row that counts and claims need back when it goes.
#[derive(Debug)]
pub(in crate::store) struct TableShape {
    pub(in crate::store) form: Form,
    /// The key's columns.
    pub(in crate::store) key_sources: Vec<Source>,
    /// What is kept, and how it is read.
    pub(in crate::store) kept: Vec<(Source, ColumnType)>,
    /// The key by place in `kept`; empty unless [`Form::Claims`].
    pub(in crate::store) key: Vec<usize>,
    pub(in crate::store) counts: Vec<CountShape>,
}

/// One count over a table.
#[derive(Debug)]
pub(in crate::store) struct CountShape {
    pub(in crate::store) name: String,
    /// What is counted by.
    pub(in crate::store) sources: Vec<Source>,
    /// The same by place in the table's `kept`.
    pub(in crate::store) by: Vec<usize>,
}

/// How a table's key names its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Form {
    /// `["_uri"]`: at most one row for each record.
    One,
    /// `_uri` and more: rows of one record never meet those of another.
    Many,
    /// `_did` without `_uri`: several records of one account may claim one key; the newest wins.
    Claims,
}

/// Where a value of a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Source {
    /// The record.
    Record,
    /// The account.
    Owner,
    /// A declared column.
    Column(usize),
}

impl Shape {
    /// The tables of a manifest under a generation's number.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when parts of the manifest do not fit each other.
    pub(in crate::store) fn new(
        id: GenerationId,
        manifest: Arc<Manifest>,
    ) -> Result<Self, StoreError> {
        for count in &manifest.counts {
            counted(&manifest, count)?;
        }
        apart(&manifest)?;
        let tables = manifest
            .tables
            .iter()
            .map(|table| TableShape::new(&manifest, table))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id,
            manifest,
            tables,
        })
    }
}

/// In SQLite a view is called after its table and stands beside it: what is refused there is refused everywhere.
fn apart(manifest: &Manifest) -> Result<(), StoreError> {
    let tables = manifest.tables.iter().map(|t| &t.name);
    let names: Vec<&String> = tables
        .chain(manifest.counts.iter().map(|c| &c.name))
        .collect();
    let view_of = |name: &String| names.iter().any(|other| **other == format!("{name}_v"));
    match names.iter().find(|name| view_of(name)) {
        Some(name) => Err(StoreError::Refused(format!(
            "{name} and {name}_v: expected no table or count to be called as another one and _v: its view is"
        ))),
        None => Ok(()),
    }
}

impl TableShape {
    fn new(manifest: &Manifest, table: &Table) -> Result<Self, StoreError> {
        let form = Form::of(table)?;
        let mut kept = Vec::new();
        let key_sources = sources(table, &table.key)?;
        let key = match form {
            Form::Claims => places(&mut kept, &key_sources),
            Form::One | Form::Many => Vec::new(),
        };
        let mut counts = Vec::new();
        for count in manifest.counts.iter().filter(|c| c.table == table.name) {
            let sources = sources(table, &count.by)?;
            counts.push(CountShape {
                name: count.name.clone(),
                by: places(&mut kept, &sources),
                sources,
            });
        }
        Ok(Self {
            form,
            key_sources,
            kept: kept.into_iter().map(|s| (s, s.ty(table))).collect(),
            key,
            counts,
        })
    }

    /// Declared columns of the key: two rows of one record may not agree in all of them.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = usize> {
        self.key_sources.iter().filter_map(|source| match source {
            Source::Column(at) => Some(*at),
            Source::Record | Source::Owner => None,
        })
    }
}

fn sources(table: &Table, names: &[String]) -> Result<Vec<Source>, StoreError> {
    names.iter().map(|n| Source::of(table, n)).collect()
}

/// Where each of `sources` stands in `kept`, which grows by what it lacks.
fn places(kept: &mut Vec<Source>, sources: &[Source]) -> Vec<usize> {
    let mut place = |source: &Source| {
        kept.iter().position(|k| k == source).unwrap_or_else(|| {
            kept.push(*source);
            kept.len() - 1
        })
    };
    sources.iter().map(&mut place).collect()
}

/// The table that a count is over.
///
/// # Errors
/// When there is none.
pub(in crate::store) fn counted<'a>(
    manifest: &'a Manifest,
    count: &Count,
) -> Result<&'a Table, StoreError> {
    manifest
        .tables
        .iter()
        .find(|t| t.name == count.table)
        .ok_or_else(|| {
            StoreError::Refused(format!(
                "counts.{}.table: expected the name of a table, got {:?}",
                count.name, count.table
            ))
        })
}

impl Form {
    /// # Errors
    /// When the key does not contain the owner.
    pub(in crate::store) fn of(table: &Table) -> Result<Self, StoreError> {
        let has = |name: &str| table.key.iter().any(|k| k == name);
        match (has("_uri"), has("_did")) {
            (true, _) if table.key.len() == 1 => Ok(Self::One),
            (true, _) => Ok(Self::Many),
            (false, true) => Ok(Self::Claims),
            (false, false) => Err(StoreError::Refused(format!(
                "tables.{}.key: expected _uri or _did among its columns, got {:?}",
                table.name, table.key
            ))),
        }
    }
}

impl Source {
    /// # Errors
    /// When the table has no such column.
    pub(in crate::store) fn of(table: &Table, name: &str) -> Result<Self, StoreError> {
        match name {
            "_uri" => Ok(Self::Record),
            "_did" => Ok(Self::Owner),
            _ => table
                .columns
                .iter()
                .position(|c| c.name == name)
                .map(Self::Column)
                .ok_or_else(|| {
                    StoreError::Refused(format!(
                        "tables.{}: expected a column of the table, _uri or _did, got {name:?}",
                        table.name
                    ))
                }),
        }
    }

    /// The physical column, quoted: the same on every backend.
    pub(in crate::store) fn physical(self, table: &Table) -> String {
        match self {
            Self::Record => quoted("_u"),
            Self::Owner => quoted("_d"),
            Self::Column(at) => table
                .columns
                .get(at)
                .map_or_else(String::new, |c| quoted(&c.name)),
        }
    }

    pub(in crate::store) fn ty(self, table: &Table) -> ColumnType {
        match self {
            Self::Record => ColumnType::AtUri,
            Self::Owner => ColumnType::Did,
            Self::Column(at) => table.columns.get(at).map_or(ColumnType::Integer, |c| c.ty),
        }
    }
}

/// An identifier as SQL has it.
pub(in crate::store) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
