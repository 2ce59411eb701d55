//! What a generation's reads may name, for the gate.

use aviary_manifest::{ColumnType, Manifest};

use super::shape::Source;
use crate::store::gate::{GateSchema, Relation, RelationColumn};

/// Own tables and counts, each under the name that `view` gives it in `schema`, and the host's views.
pub(in crate::store) fn gate_schema(
    manifest: &Manifest,
    schema: Option<&str>,
    view: impl Fn(&str) -> String,
) -> GateSchema {
    let schema = schema.map(str::to_owned);
    let mut relations = Vec::new();
    for table in &manifest.tables {
        let mut columns = vec![
            column("_uri", "_u", ColumnType::AtUri, false),
            column("_did", "_d", ColumnType::Did, false),
            column("_cid", "_cid", ColumnType::Text, false),
            column("_rev", "_rev", ColumnType::Text, false),
            column("_seen", "_seen", ColumnType::Time, false),
        ];
        columns.extend(
            table
                .columns
                .iter()
                .map(|c| column(&c.name, &c.name, c.ty, c.nullable)),
        );
        relations.push(Relation {
            name: table.name.clone(),
            schema: schema.clone(),
            physical: view(&table.name),
            columns,
        });
    }
    for count in &manifest.counts {
        let Some(table) = manifest.tables.iter().find(|t| t.name == count.table) else {
            continue;
        };
        let mut columns: Vec<RelationColumn> = count
            .by
            .iter()
            .filter_map(|name| match Source::of(table, name).ok()? {
                Source::Record => Some(column("_uri", "_u", ColumnType::AtUri, false)),
                Source::Owner => Some(column("_did", "_d", ColumnType::Did, false)),
                source @ Source::Column(_) => Some(column(name, name, source.ty(table), false)),
            })
            .collect();
        columns.push(column("n", "n", ColumnType::Integer, false));
        relations.push(Relation {
            name: count.name.clone(),
            schema: schema.clone(),
            physical: view(&count.name),
            columns,
        });
    }
    relations.extend(host_relations());
    GateSchema { relations }
}

fn host_relations() -> [Relation; 2] {
    [
        Relation {
            name: "record".into(),
            schema: None,
            physical: "host_record_v".into(),
            columns: vec![
                column("_uri", "_u", ColumnType::AtUri, false),
                column("_did", "_d", ColumnType::Did, false),
                column("collection", "collection", ColumnType::Text, false),
                column("rkey", "rkey", ColumnType::Text, false),
                column("_rev", "_rev", ColumnType::Text, false),
                column("_seen", "_seen", ColumnType::Time, false),
            ],
        },
        Relation {
            name: "account".into(),
            schema: None,
            physical: "host_account_v".into(),
            columns: vec![
                column("_did", "_d", ColumnType::Did, false),
                column("active", "active", ColumnType::Boolean, false),
                column("status", "status", ColumnType::Text, true),
            ],
        },
    ]
}

fn column(name: &str, physical: &str, ty: ColumnType, nullable: bool) -> RelationColumn {
    RelationColumn {
        name: name.into(),
        physical: physical.into(),
        ty,
        nullable,
    }
}
