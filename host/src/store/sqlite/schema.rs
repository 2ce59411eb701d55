//! One generation's tables as this backend has them: names, DDL and statement texts beside their [`Shape`].
//!
//! Guarantees: everything here follows from the generation's number and the manifest alone; identifiers are quoted;
//! a view shows winners of visible accounts only. Does not run anything.

use std::sync::Arc;

use aviary_manifest::Manifest;

use crate::store::error::StoreError;
use crate::store::gate::GateSchema;
use crate::store::indexing::{self, Shape};
use crate::store::rows::GenerationId;

mod ddl;
mod statement;
mod texts;

pub(super) use statement::Rows;
pub(super) use texts::TableTexts;

/// A registered generation, ready to be written and read.
#[derive(Debug)]
pub(super) struct GenerationTables {
    pub(super) shape: Shape,
    /// By the table's ordinal.
    pub(super) tables: Vec<TableTexts>,
    /// Inserts dead letters: generation, record, pos, reason, detail, time.
    pub(super) dead: Rows,
    /// Sets positions: generation, partition, pos.
    pub(super) position: Rows,
}

impl GenerationTables {
    /// The tables of a manifest under a generation's number.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when parts of the manifest do not fit each other.
    pub(super) fn new(id: GenerationId, manifest: Arc<Manifest>) -> Result<Self, StoreError> {
        let shape = Shape::new(id, manifest)?;
        let declared = shape.manifest.tables.iter();
        let tables = declared
            .zip(&shape.tables)
            .map(|(table, shape)| TableTexts::new(id, table, shape))
            .collect();
        Ok(Self {
            shape,
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
        ddl::create_tables(self.shape.id, &self.shape.manifest)
    }

    /// Statements that make the views.
    pub(super) fn create_views(&self) -> Result<Vec<(String, String)>, StoreError> {
        ddl::create_views(self.shape.id, &self.shape.manifest)
    }
}

/// What a generation's reads may name: own tables and counts, and the host's views.
pub(super) fn gate_schema(tables: &GenerationTables) -> GateSchema {
    let id = tables.shape.id;
    indexing::gate_schema(&tables.shape.manifest, None, |name| view_name(id, name))
}

/// The name of a generation's table or count in the database.
pub(super) fn table_name(id: GenerationId, name: &str) -> String {
    format!("g{id}_{name}")
}

/// The name of the view that reads see.
pub(super) fn view_name(id: GenerationId, name: &str) -> String {
    format!("g{id}_{name}_v")
}
