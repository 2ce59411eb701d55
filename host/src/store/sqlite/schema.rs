//! A generation's tables, views and indexes, and the texts of the statements that write them.
//!
//! Guarantees: a table is only ever named here and in `rows/`; everything else reads the views, which leave out rows
//! that lost their key and rows of hidden accounts.

mod ddl;
mod relations;

use std::sync::Arc;

use aviary_manifest::{Column, ColumnType, Manifest, Table};

use crate::store::GenerationId;

pub(super) use ddl::{create, drop_all};
pub(super) use relations::gate_schema;

/// One generation's tables.
pub(super) struct GenerationTables {
    /// Its number.
    pub(super) id: GenerationId,
    /// What it was made from.
    pub(super) manifest: Arc<Manifest>,
    /// By ordinal.
    pub(super) tables: Vec<RowTable>,
}

/// One table of rows.
pub(super) struct RowTable {
    /// Its name in the database, quoted.
    pub(super) name: String,
    /// What its key means for storing.
    pub(super) shape: Shape,
    /// Declared columns, in order.
    pub(super) columns: Vec<Column>,
    /// Key columns in the database, quoted; for claims only.
    pub(super) key: Vec<KeyColumn>,
    /// Counts over it.
    pub(super) counts: Vec<CountTable>,
}

/// One column of a key or of a count's `by`.
#[derive(Clone)]
pub(super) struct KeyColumn {
    /// Its name in the database, quoted.
    pub(super) name: String,
    /// Its place among the declared columns; none for the owner's account.
    pub(super) at: Option<usize>,
}

/// One table of numbers.
pub(super) struct CountTable {
    /// Its name in the database, quoted.
    pub(super) name: String,
    /// What it counts by.
    pub(super) by: Vec<KeyColumn>,
}

/// How a table is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Key `_uri`: a record makes at most one row; the row's id is the record's.
    OnePerRecord,
    /// The key contains `_uri` and more: rows of one record are numbered.
    ManyPerRecord,
    /// The key contains `_did` and not `_uri`: several records can claim it, one row wins.
    Claims,
}

impl Shape {
    fn of(table: &Table) -> Self {
        let has_uri = table.key.iter().any(|k| k == "_uri");
        match (has_uri, table.key.len()) {
            (true, 1) => Self::OnePerRecord,
            (true, _) => Self::ManyPerRecord,
            (false, _) => Self::Claims,
        }
    }
}

impl GenerationTables {
    /// The texts for one generation.
    pub(super) fn new(id: GenerationId, manifest: Arc<Manifest>) -> Self {
        let tables = manifest
            .tables
            .iter()
            .map(|t| row_table(id, &manifest, t))
            .collect();
        Self {
            id,
            manifest,
            tables,
        }
    }
}

fn row_table(id: GenerationId, manifest: &Manifest, table: &Table) -> RowTable {
    let shape = Shape::of(table);
    let key_columns = |names: &[String]| {
        names
            .iter()
            .map(|n| key_column(table, n))
            .collect::<Vec<_>>()
    };
    RowTable {
        name: physical(id, &table.name),
        shape,
        columns: table.columns.clone(),
        key: if shape == Shape::Claims {
            key_columns(&table.key)
        } else {
            Vec::new()
        },
        counts: manifest
            .counts
            .iter()
            .filter(|c| c.table == table.name)
            .map(|c| CountTable {
                name: physical(id, &c.name),
                by: key_columns(&c.by),
            })
            .collect(),
    }
}

fn key_column(table: &Table, name: &str) -> KeyColumn {
    KeyColumn {
        name: quoted(database_column(name)),
        at: table.columns.iter().position(|c| c.name == name),
    }
}

/// A table's or a count's name in the database, quoted.
fn physical(id: GenerationId, name: &str) -> String {
    format!("\"g{id}_{name}\"")
}

/// A view's name in the database, not quoted.
fn view(id: GenerationId, name: &str) -> String {
    format!("g{id}_{name}_v")
}

/// What a declared or host column is called in the database.
fn database_column(name: &str) -> &str {
    match name {
        "_uri" => "_u",
        "_did" => "_d",
        other => other,
    }
}

/// Manifest rules keep quotes out of identifiers.
fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Text | ColumnType::Json => "text",
        ColumnType::Integer
        | ColumnType::Boolean
        | ColumnType::Time
        | ColumnType::Did
        | ColumnType::AtUri => "integer",
        ColumnType::Real => "real",
        ColumnType::Bytes => "blob",
    }
}
