//! Whether rows fit their tables: the last look before SQL, also at what a caller should have checked.

use std::collections::HashSet;

use aviary_manifest::{ColumnType, Table};

use super::cell::Cell;
use super::resolve::Row;
use super::shape::{Form, Shape};
use crate::store::rows::{Put, Value};

/// What makes a row unfit for its table.
pub(super) fn misfit(shape: &Shape, put: &Put) -> Option<String> {
    let Some(table) = shape.manifest.tables.get(usize::from(put.table)) else {
        return Some(format!(
            "expected a table's ordinal below {}, got {}",
            shape.manifest.tables.len(),
            put.table
        ));
    };
    if put.row.len() != table.columns.len() {
        return Some(format!(
            "table {}: expected {} values, got {}",
            table.name,
            table.columns.len(),
            put.row.len()
        ));
    }
    let bad = table
        .columns
        .iter()
        .zip(&put.row)
        .find(|(column, value)| match type_of(value) {
            Some(ty) => ty != column.ty,
            None => !column.nullable,
        });
    bad.map(|(column, value)| wrong_type(table, &String::from(column.clone()), value))
}

fn wrong_type(table: &Table, column: &str, value: &Value) -> String {
    let got = type_of(value).map_or("null", ColumnType::word);
    format!("table {}: expected {column:?}, got {got}", table.name)
}

fn type_of(value: &Value) -> Option<ColumnType> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(_) => ColumnType::Boolean,
        Value::Integer(_) => ColumnType::Integer,
        Value::Real(_) => ColumnType::Real,
        Value::Text(_) => ColumnType::Text,
        Value::Bytes(_) => ColumnType::Bytes,
        Value::Json(_) => ColumnType::Json,
        Value::Time(_) => ColumnType::Time,
        Value::Did(_) => ColumnType::Did,
        Value::Uri(_) => ColumnType::AtUri,
    })
}

/// Whether two rows of one record have one key in one table.
pub(super) fn collision(shape: &Shape, rows: &[Row<'_>]) -> Option<String> {
    if rows.len() < 2 {
        return None;
    }
    let mut keys = HashSet::with_capacity(rows.len());
    for row in rows {
        let table = shape.tables.get(row.table)?;
        let key: Vec<&Cell<'_>> = match table.form {
            Form::One => Vec::new(),
            Form::Many | Form::Claims => table
                .key_columns()
                .filter_map(|at| row.cells.get(at))
                .collect(),
        };
        if !keys.insert((row.table, key)) {
            let declared = shape.manifest.tables.get(row.table)?;
            return Some(format!(
                "table {}: two rows of one record with one key ({})",
                declared.name,
                declared.key.join(", ")
            ));
        }
    }
    None
}
