//! One generation's tables as this backend has them: from the manifest to names, DDL and statement texts.
//!
//! Guarantees: everything here follows from the generation's number and the manifest alone; identifiers are quoted;
//! a view shows winners of visible accounts only. Does not run anything.

use std::sync::Arc;

use aviary_manifest::{ColumnType, Manifest, Table};

use crate::store::error::StoreError;
use crate::store::gate::GateSchema;
use crate::store::rows::GenerationId;

mod ddl;
mod relations;
mod statement;
mod texts;

pub(super) use statement::Rows;
pub(super) use texts::{ClaimTexts, CountTexts, TableTexts};

/// A registered generation, ready to be written and read.
#[derive(Debug)]
pub(super) struct GenerationTables {
    pub(super) id: GenerationId,
    pub(super) manifest: Arc<Manifest>,
    /// By the table's ordinal.
    pub(super) tables: Vec<TableTexts>,
    /// Inserts dead letters: generation, record, pos, reason, detail, time.
    pub(super) dead: Rows,
    /// Sets positions: generation, partition, pos.
    pub(super) position: Rows,
}

/// How a table's key names its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `["_uri"]`: at most one row for each record.
    One,
    /// `_uri` and more: rows of one record never meet those of another.
    Many,
    /// `_did` without `_uri`: several records of one account may claim one key; the newest wins.
    Claims,
}

/// Where a value of a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The record.
    Record,
    /// The account.
    Owner,
    /// A declared column.
    Column(usize),
}

impl GenerationTables {
    /// The tables of a manifest under a generation's number.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when parts of the manifest do not fit each other.
    pub(super) fn new(id: GenerationId, manifest: Arc<Manifest>) -> Result<Self, StoreError> {
        let tables = manifest
            .tables
            .iter()
            .map(|table| TableTexts::new(id, &manifest, table))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id,
            manifest,
            tables,
            dead: Rows::new(
                "insert into dead_letter (generation, record_id, pos, reason, detail, at_us) values ",
                6,
                "",
            ),
            position: Rows::new(
                "insert into position (generation, part, pos) values ",
                3,
                " on conflict (generation, part) do update set pos = excluded.pos",
            ),
        })
    }

    /// Statements that make the tables and indexes, in order.
    pub(super) fn create_tables(&self) -> Result<Vec<String>, StoreError> {
        ddl::create_tables(self.id, &self.manifest)
    }

    /// Statements that make the views.
    pub(super) fn create_views(&self) -> Result<Vec<(String, String)>, StoreError> {
        ddl::create_views(self.id, &self.manifest)
    }
}

/// What a generation's reads may name: own tables and counts, and the host's views.
pub(super) fn gate_schema(tables: &GenerationTables) -> GateSchema {
    relations::gate_schema(tables.id, &tables.manifest)
}

impl Form {
    /// # Errors
    /// When the key does not contain the owner.
    pub(super) fn of(table: &Table) -> Result<Self, StoreError> {
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
    pub(super) fn of(table: &Table, name: &str) -> Result<Self, StoreError> {
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

    /// The physical column, quoted.
    pub(super) fn physical(self, table: &Table) -> String {
        match self {
            Self::Record => quoted("_u"),
            Self::Owner => quoted("_d"),
            Self::Column(at) => table
                .columns
                .get(at)
                .map_or_else(String::new, |c| quoted(&c.name)),
        }
    }

    pub(super) fn ty(self, table: &Table) -> ColumnType {
        match self {
            Self::Record => ColumnType::AtUri,
            Self::Owner => ColumnType::Did,
            Self::Column(at) => table.columns.get(at).map_or(ColumnType::Integer, |c| c.ty),
        }
    }

    pub(super) fn is_nullable(self, table: &Table) -> bool {
        match self {
            Self::Record | Self::Owner => false,
            Self::Column(at) => table.columns.get(at).is_some_and(|c| c.nullable),
        }
    }
}

/// The name of a generation's table or count in the database.
pub(super) fn table_name(id: GenerationId, name: &str) -> String {
    format!("g{id}_{name}")
}

/// The name of the view that reads see.
pub(super) fn view_name(id: GenerationId, name: &str) -> String {
    format!("g{id}_{name}_v")
}

/// An identifier as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
