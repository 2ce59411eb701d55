//! The value check before SQL, the same for every backend: what it lets through no database refuses for its values.

use aviary_manifest::{ColumnType, Manifest, Table};

use super::convert;
use super::values::RawPut;
use crate::limits;
use crate::store::{Put, Value};

/// The rows of one change, typed as the manifest declares them.
///
/// # Errors
/// When there are too many, or one breaks a rule; the text names table and column and is the dead letter's detail.
pub fn rows(manifest: &Manifest, puts: Vec<RawPut>) -> Result<Vec<Put>, String> {
    if puts.len() > limits::ROWS_PER_CHANGE_MAX {
        return Err(format!(
            "expected at most {} rows for one record, got {}",
            limits::ROWS_PER_CHANGE_MAX,
            puts.len()
        ));
    }
    let bytes: usize = puts
        .iter()
        .flat_map(|p| &p.row)
        .map(|v| v.size_bytes())
        .sum();
    if bytes > limits::ROW_BYTES_PER_CHANGE_MAX {
        return Err(format!(
            "expected rows of at most {} bytes for one record, got {bytes}",
            limits::ROW_BYTES_PER_CHANGE_MAX
        ));
    }
    let mut checked: Vec<Put> = Vec::with_capacity(puts.len());
    for put in puts {
        let put = row(manifest, put)?;
        if let Some(table) = manifest.tables.get(usize::from(put.table)) {
            distinct_key(table, &put, &checked)?;
        }
        checked.push(put);
    }
    Ok(checked)
}

fn row(manifest: &Manifest, put: RawPut) -> Result<Put, String> {
    let Some(table) = manifest.tables.get(usize::from(put.table)) else {
        return Err(format!(
            "expected a table's ordinal below {}, got {}",
            manifest.tables.len(),
            put.table
        ));
    };
    if put.row.len() != table.columns.len() {
        return Err(format!(
            "{}: expected {} values, got {}",
            table.name,
            table.columns.len(),
            put.row.len()
        ));
    }
    let mut row = Vec::with_capacity(put.row.len());
    let mut sizes_bytes = Vec::with_capacity(put.row.len());
    for (column, raw) in table.columns.iter().zip(put.row) {
        let says = |what: String| format!("{}.{}: {what}", table.name, column.name);
        let size_bytes = raw.size_bytes();
        let value = convert::typed(column.ty, raw).map_err(says)?;
        if value == Value::Null && !column.nullable {
            return Err(says(format!("expected {}, got null", column.ty.word())));
        }
        if size_bytes > limits::KEY_BYTES_MAX && is_keyed(manifest, table, &column.name) {
            return Err(says(format!(
                "expected at most {} bytes in a key or an index, got {size_bytes}",
                limits::KEY_BYTES_MAX
            )));
        }
        sizes_bytes.push(match column.ty {
            // An id stands for them.
            ColumnType::Did | ColumnType::AtUri => size_of::<i64>(),
            _ => size_bytes,
        });
        row.push(value);
    }
    fits_indexes(manifest, table, &sizes_bytes)?;
    Ok(Put {
        table: put.table,
        row,
    })
}

/// Whether a column's values go into a B-tree: the table's key, one of its indexes, or a count over it.
fn is_keyed(manifest: &Manifest, table: &Table, column: &str) -> bool {
    table.key.iter().any(|k| k == column)
        || table.indexes.iter().flatten().any(|t| t.column == column)
        || manifest
            .counts
            .iter()
            .any(|c| c.table == table.name && c.by.iter().any(|b| b == column))
}

/// That no index has to take more of one row than a page's share of a B-tree.
fn fits_indexes(manifest: &Manifest, table: &Table, sizes_bytes: &[usize]) -> Result<(), String> {
    let size_of_column = |name: &str| {
        let at = table.columns.iter().position(|c| c.name == name);
        // The host's own columns are numbers.
        at.map_or(size_of::<i64>(), |at| {
            sizes_bytes.get(at).copied().unwrap_or(0)
        })
    };
    let key = table.key.iter().map(|name| size_of_column(name)).sum();
    let indexes = table
        .indexes
        .iter()
        .map(|terms| terms.iter().map(|t| size_of_column(&t.column)).sum());
    let counts = manifest.counts.iter().filter(|c| c.table == table.name);
    let counts = counts.map(|c| c.by.iter().map(|name| size_of_column(name)).sum());
    let largest: usize = indexes.chain(counts).fold(key, usize::max);
    if largest > limits::INDEX_ENTRY_BYTES_MAX {
        return Err(format!(
            "{}: expected at most {} bytes in all columns of one key, index or count, got {largest}",
            table.name,
            limits::INDEX_ENTRY_BYTES_MAX
        ));
    }
    Ok(())
}

/// Two rows of one record with one key would overwrite each other in an order that nobody declared.
fn distinct_key(table: &Table, put: &Put, before: &[Put]) -> Result<(), String> {
    let mut same_table = before.iter().filter(|b| b.table == put.table).peekable();
    if same_table.peek().is_none() {
        return Ok(());
    }
    // Host columns (`_uri`, `_did`) are equal in all rows of a record.
    let key: Vec<usize> = table
        .key
        .iter()
        .filter_map(|k| table.columns.iter().position(|c| c.name == *k))
        .collect();
    if same_table.any(|b| key.iter().all(|k| b.row[*k] == put.row[*k])) {
        return Err(format!(
            "{}: expected one row for each key ({}) of a record, got two",
            table.name,
            table.key.join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
