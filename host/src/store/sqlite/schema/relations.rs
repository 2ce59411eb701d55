//! What a generation's reads may name.

use aviary_manifest::{Column, ColumnType};

use super::{GenerationTables, database_column, view};
use crate::store::gate::{GateSchema, Relation, RelationColumn};

/// Own tables, own counts, and the host's views.
pub(in crate::store::sqlite) fn gate_schema(tables: &GenerationTables) -> GateSchema {
    let mut relations = vec![
        host_view(
            "record",
            "host_record_v",
            &[
                ("_uri", ColumnType::AtUri),
                ("_did", ColumnType::Did),
                ("collection", ColumnType::Text),
                ("rkey", ColumnType::Text),
                ("_rev", ColumnType::Text),
                ("_seen", ColumnType::Time),
            ],
        ),
        host_view(
            "account",
            "host_account_v",
            &[
                ("_did", ColumnType::Did),
                ("active", ColumnType::Boolean),
                ("status", ColumnType::Text),
            ],
        ),
    ];
    for table in &tables.manifest.tables {
        let host = [
            ("_uri", ColumnType::AtUri),
            ("_did", ColumnType::Did),
            ("_rev", ColumnType::Text),
            ("_cid", ColumnType::Text),
            ("_seen", ColumnType::Time),
        ];
        let host = host.into_iter().map(|(name, ty)| column(name, ty, false));
        let declared = table
            .columns
            .iter()
            .map(|c| column(&c.name, c.ty, c.nullable));
        relations.push(Relation {
            name: table.name.clone(),
            physical: view(tables.id, &table.name),
            columns: host.chain(declared).collect(),
        });
    }
    for count in &tables.manifest.counts {
        let declared = tables
            .manifest
            .tables
            .iter()
            .find(|t| t.name == count.table);
        let type_of = |by: &String| {
            let found: Option<&Column> =
                declared.and_then(|t| t.columns.iter().find(|c| &c.name == by));
            found.map_or(ColumnType::Did, |c| c.ty)
        };
        let mut columns: Vec<RelationColumn> = count
            .by
            .iter()
            .map(|by| column(by, type_of(by), false))
            .collect();
        columns.push(column("n", ColumnType::Integer, false));
        relations.push(Relation {
            name: count.name.clone(),
            physical: view(tables.id, &count.name),
            columns,
        });
    }
    GateSchema { relations }
}

fn host_view(name: &str, physical: &str, columns: &[(&str, ColumnType)]) -> Relation {
    Relation {
        name: name.to_owned(),
        physical: physical.to_owned(),
        columns: columns
            .iter()
            .map(|(name, ty)| column(name, *ty, *name == "status"))
            .collect(),
    }
}

fn column(name: &str, ty: ColumnType, nullable: bool) -> RelationColumn {
    RelationColumn {
        name: name.to_owned(),
        physical: database_column(name).to_owned(),
        ty,
        nullable,
    }
}
