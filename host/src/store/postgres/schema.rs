//! One generation's tables as this backend has them: a schema and a role of its own, DDL and statement texts beside
//! their [`Shape`].
//!
//! Guarantees: everything here follows from the database's and the host schema's names, the generation's number and
//! the manifest alone; identifiers are quoted and within Postgres' bound; text is compared by bytes; a view shows
//! winners of visible accounts only. Does not run anything.

use std::sync::Arc;

use aviary_manifest::{ColumnType, Manifest};

use crate::store::error::StoreError;
use crate::store::gate::GateSchema;
use crate::store::indexing::{self, Shape};
use crate::store::rows::GenerationId;

mod ddl;
mod names;
mod texts;

pub(super) use ddl::{View, create_tables, create_views};
pub(super) use names::{Names, host_tables};
pub(super) use texts::TableTexts;

/// A registered generation, ready to be written and read.
#[derive(Debug)]
pub(super) struct GenerationTables {
    pub(super) shape: Shape,
    pub(super) names: Names,
    /// By the table's ordinal.
    pub(super) tables: Vec<TableTexts>,
}

impl GenerationTables {
    /// The tables of a manifest under a generation's number.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when parts of the manifest do not fit each other.
    pub(super) fn new(
        names: Names,
        id: GenerationId,
        manifest: Arc<Manifest>,
    ) -> Result<Self, StoreError> {
        let shape = Shape::new(id, manifest)?;
        let declared = shape.manifest.tables.iter();
        let tables = declared
            .zip(&shape.tables)
            .map(|(table, shape)| TableTexts::new(&names, table, shape))
            .collect();
        Ok(Self {
            shape,
            names,
            tables,
        })
    }

    /// What its reads may name: own tables and counts, and the host's views.
    pub(super) fn gate_schema(&self) -> GateSchema {
        let schema = Some(self.names.schema.as_str());
        indexing::gate_schema(&self.shape.manifest, schema, names::view_name)
    }
}

/// A column's type in Postgres.
pub(super) fn type_name(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Text | ColumnType::Json => "text",
        ColumnType::Real => "double precision",
        ColumnType::Bytes => "bytea",
        ColumnType::Boolean => "boolean",
        ColumnType::Integer | ColumnType::Time | ColumnType::Did | ColumnType::AtUri => "bigint",
    }
}
