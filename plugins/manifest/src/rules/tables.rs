//! Tables and counts: what names a row, what is indexed, what is counted.

use super::{
    COLUMNS_MAX, COUNTS_MAX, Checked, INDEXES_MAX, TABLES_MAX, TERMS_MAX, at_most, broken, names,
};
use crate::{Column, ColumnType, Count, IndexTerm, Manifest, Table};

pub(super) fn check(m: &Manifest) -> Checked {
    at_most("tables", "entries", m.tables.len(), TABLES_MAX)?;
    at_most("counts", "entries", m.counts.len(), COUNTS_MAX)?;
    // Tables and counts are named alike in SQL, so they share a namespace.
    let mut taken: Vec<&str> = Vec::new();
    for (i, t) in m.tables.iter().enumerate() {
        relation(&format!("tables[{i}].name"), &t.name, &mut taken)?;
        table(t)?;
    }
    for (i, c) in m.counts.iter().enumerate() {
        relation(&format!("counts[{i}].name"), &c.name, &mut taken)?;
        count(c, &m.tables)?;
    }
    Ok(())
}

fn relation<'m>(place: &str, name: &'m str, taken: &mut Vec<&'m str>) -> Checked {
    names::relation(place, name)?;
    if taken.contains(&name) {
        return broken(
            place,
            format!("expected each table and count to have its own name, got {name:?} twice"),
        );
    }
    taken.push(name);
    Ok(())
}

fn table(t: &Table) -> Checked {
    let place = |part: &str| format!("tables.{}.{part}", t.name);
    columns(&place("columns"), &t.columns)?;
    key(&place("key"), t)?;
    at_most(&place("indexes"), "entries", t.indexes.len(), INDEXES_MAX)?;
    for (i, terms) in t.indexes.iter().enumerate() {
        index(&place(&format!("indexes[{i}]")), terms, |name| {
            ["_uri", "_did", "_seen"].contains(&name) || column(t, name).is_some_and(orderable)
        })?;
    }
    each_once(&place("hide-with"), &t.hide_with)?;
    for name in &t.hide_with {
        let ok =
            column(t, name).is_some_and(|c| matches!(c.ty, ColumnType::Did | ColumnType::AtUri));
        if !ok {
            return broken(
                place("hide-with"),
                format!("expected a did or at-uri column of the table, got {name:?}"),
            );
        }
    }
    Ok(())
}

fn columns(place: &str, columns: &[Column]) -> Checked {
    if columns.is_empty() {
        return broken(place, "expected one or more columns, got none".into());
    }
    at_most(place, "columns", columns.len(), COLUMNS_MAX)?;
    for (i, c) in columns.iter().enumerate() {
        names::name(place, &c.name)?;
        if columns[..i].iter().any(|other| other.name == c.name) {
            return broken(
                place,
                format!("expected each column once, got {:?} twice", c.name),
            );
        }
    }
    Ok(())
}

fn key(place: &str, t: &Table) -> Checked {
    terms(place, &t.key)?;
    for name in &t.key {
        if name == "_uri" || name == "_did" {
            continue;
        }
        let Some(c) = column(t, name) else {
            return broken(
                place,
                format!("expected _uri, _did or a column of the table, got {name:?}"),
            );
        };
        if !orderable(c) || c.nullable {
            return broken(
                place,
                format!(
                    "expected columns that are never null and not json, bytes or real, got \"{}\"",
                    String::from(c.clone())
                ),
            );
        }
    }
    if !t.key.iter().any(|k| k == "_uri" || k == "_did") {
        return broken(
            place,
            format!(
                "expected the owner in the key (_uri: the record, or _did: the account), got {:?}",
                t.key
            ),
        );
    }
    Ok(())
}

fn count(c: &Count, tables: &[Table]) -> Checked {
    let place = |part: &str| format!("counts.{}.{part}", c.name);
    let Some(t) = tables.iter().find(|t| t.name == c.table) else {
        return broken(
            place("table"),
            format!("expected a declared table, got {:?}", c.table),
        );
    };
    terms(&place("by"), &c.by)?;
    for name in &c.by {
        if name == "n" {
            return broken(
                place("by"),
                "expected columns not named \"n\", which is the number itself; rename the column"
                    .into(),
            );
        }
        if name != "_did" && !column(t, name).is_some_and(orderable) {
            return broken(
                place("by"),
                format!(
                    "expected _did, or a column of {:?} that is not json, bytes or real, got {name:?}",
                    t.name
                ),
            );
        }
    }
    at_most(&place("indexes"), "entries", c.indexes.len(), INDEXES_MAX)?;
    for (i, terms) in c.indexes.iter().enumerate() {
        index(&place(&format!("indexes[{i}]")), terms, |name| {
            name == "n" || c.by.iter().any(|b| b == name)
        })?;
    }
    Ok(())
}

fn index(place: &str, list: &[IndexTerm], known: impl Fn(&str) -> bool) -> Checked {
    let columns: Vec<String> = list.iter().map(|t| t.column.clone()).collect();
    terms(place, &columns)?;
    for name in &columns {
        if !known(name) {
            return broken(
                place,
                format!(
                    "expected columns that can be indexed (not json, bytes or real; of a table also _uri, _did, \
                     _seen; of a count its by-columns or n), got {name:?}"
                ),
            );
        }
    }
    Ok(())
}

/// A list of columns: some, not too many, each once.
fn terms(place: &str, list: &[String]) -> Checked {
    if list.is_empty() {
        return broken(place, "expected one or more columns, got none".into());
    }
    at_most(place, "columns", list.len(), TERMS_MAX)?;
    each_once(place, list)
}

fn each_once(place: &str, list: &[String]) -> Checked {
    for (i, name) in list.iter().enumerate() {
        if list[..i].contains(name) {
            return broken(
                place,
                format!("expected each column once, got {name:?} twice"),
            );
        }
    }
    Ok(())
}

fn column<'t>(t: &'t Table, name: &str) -> Option<&'t Column> {
    t.columns.iter().find(|c| c.name == name)
}

/// Both backends compare and index these alike.
fn orderable(c: &Column) -> bool {
    !matches!(
        c.ty,
        ColumnType::Json | ColumnType::Bytes | ColumnType::Real
    )
}
