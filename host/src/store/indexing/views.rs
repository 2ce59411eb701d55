//! What the views over a generation's tables show: winners of visible accounts, and no row that refers to a hidden one
//! where the manifest says `hide-with`.
//!
//! Counts are hidden by every account that they name. Does not render SQL.

use aviary_manifest::{ColumnType, Manifest};

use super::shape::{Form, Source, counted, quoted};
use crate::store::error::StoreError;

/// One view.
#[derive(Debug)]
pub(in crate::store) struct ViewShape<'m> {
    /// The table or count.
    pub(in crate::store) name: &'m str,
    /// What it shows, quoted.
    pub(in crate::store) columns: Vec<String>,
    /// Whether rows that lose their key are left out.
    pub(in crate::store) winners_only: bool,
    /// Columns, quoted, whose account may not be hidden.
    pub(in crate::store) hides: Vec<(String, ColumnType)>,
}

/// The views of a manifest: one for each table, then one for each count.
///
/// # Errors
/// [`StoreError::Refused`] when parts of the manifest do not fit each other.
pub(in crate::store) fn views(manifest: &Manifest) -> Result<Vec<ViewShape<'_>>, StoreError> {
    let mut views = Vec::with_capacity(manifest.tables.len() + manifest.counts.len());
    for table in &manifest.tables {
        let mut hides = vec![(quoted("_d"), ColumnType::Did)];
        for name in &table.hide_with {
            let source = Source::of(table, name)?;
            hides.push((source.physical(table), source.ty(table)));
        }
        let declared = table.columns.iter().map(|c| quoted(&c.name));
        let host = ["_u", "_d", "_rev", "_cid", "_seen"].map(quoted);
        views.push(ViewShape {
            name: &table.name,
            columns: host.into_iter().chain(declared).collect(),
            winners_only: Form::of(table)? == Form::Claims,
            hides,
        });
    }
    for count in &manifest.counts {
        let table = counted(manifest, count)?;
        let mut columns = Vec::with_capacity(count.by.len() + 1);
        let mut hides = Vec::new();
        for name in &count.by {
            let source = Source::of(table, name)?;
            let ty = source.ty(table);
            if matches!(ty, ColumnType::Did | ColumnType::AtUri) {
                hides.push((source.physical(table), ty));
            }
            columns.push(source.physical(table));
        }
        columns.push("n".to_owned());
        views.push(ViewShape {
            name: &count.name,
            columns,
            winners_only: false,
            hides,
        });
    }
    Ok(views)
}
