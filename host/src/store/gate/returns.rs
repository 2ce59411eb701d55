//! Holds what a query gives against what the read declares: number, types, and what may be null.

use aviary_manifest::{Column, ColumnType};

use super::scope::SourceColumn;
use super::types::{Checked, word};

/// Checks the outermost columns.
pub(super) fn check(columns: &[SourceColumn], returns: &[Column]) -> Checked<()> {
    if columns.len() != returns.len() {
        return Err(format!(
            "returns declares {} columns, the SELECT has {}",
            returns.len(),
            columns.len()
        ));
    }
    for (number, (column, declared)) in columns.iter().zip(returns).enumerate() {
        let place = format!("column {} ({})", number + 1, declared.name);
        if !fits(column.ty, declared.ty) {
            return Err(format!(
                "{place} is declared {}, the SELECT gives {}",
                declared.ty.word(),
                word(column.ty)
            ));
        }
        if column.nullable && !declared.nullable {
            return Err(format!(
                "{place} may be null: declare it as \"{} {}?\" or use coalesce",
                declared.name,
                declared.ty.word()
            ));
        }
    }
    Ok(())
}

fn fits(given: Option<ColumnType>, declared: ColumnType) -> bool {
    use ColumnType::{AtUri, Did, Integer, Json, Real, Text, Time};
    match given {
        None => true,
        Some(given) if given == declared => true,
        Some(Integer) => declared == Real,
        Some(Time) => declared == Integer,
        Some(Did | AtUri | Json) => declared == Text,
        Some(_) => false,
    }
}
