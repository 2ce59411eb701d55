//! Named reads: their names, parameters and results. The SQL itself is the host's to check.

use super::{COLUMNS_MAX, Checked, PARAMS_MAX, READS_MAX, SQL_BYTES_MAX, at_most, broken, names};
use crate::{ColumnType, Manifest, Read};

pub(super) fn check(m: &Manifest) -> Checked {
    at_most("reads", "entries", m.reads.len(), READS_MAX)?;
    for (i, r) in m.reads.iter().enumerate() {
        let place = format!("reads[{i}].name");
        names::name(&place, &r.name)?;
        if m.reads[..i].iter().any(|other| other.name == r.name) {
            return broken(
                place,
                format!(
                    "expected each read to have its own name, got {:?} twice",
                    r.name
                ),
            );
        }
        read(r)?;
    }
    Ok(())
}

fn read(r: &Read) -> Checked {
    let place = |part: &str| format!("reads.{}.{part}", r.name);
    at_most(&place("params"), "entries", r.params.len(), PARAMS_MAX)?;
    for p in &r.params {
        if p.list && matches!(p.ty, ColumnType::Bytes | ColumnType::Json) {
            return broken(
                place("params"),
                format!(
                    "expected lists of types other than bytes and json, got {:?}",
                    String::from(*p)
                ),
            );
        }
    }
    if r.returns.is_empty() {
        return broken(
            place("returns"),
            "expected the result's columns as \"name type\", got none".into(),
        );
    }
    at_most(&place("returns"), "columns", r.returns.len(), COLUMNS_MAX)?;
    for (i, c) in r.returns.iter().enumerate() {
        if !names::HOST_COLUMNS.contains(&c.name.as_str()) {
            names::name(&place("returns"), &c.name)?;
        }
        if r.returns[..i].iter().any(|other| other.name == c.name) {
            return broken(
                place("returns"),
                format!("expected each column once, got {:?} twice", c.name),
            );
        }
    }
    if r.sql.trim().is_empty() {
        return broken(place("sql"), "expected one SELECT, got nothing".into());
    }
    at_most(&place("sql"), "bytes", r.sql.len(), SQL_BYTES_MAX)
}
