//! The statements that keep one table and its counts.

use std::sync::Arc;

use aviary_manifest::{ColumnType, Table};

use super::{Rows, table_name};
use crate::store::indexing::{CountShape, Form, Source, TableShape, quoted};
use crate::store::rows::GenerationId;

/// One table's statements.
#[derive(Debug)]
pub(in crate::store::sqlite) struct TableTexts {
    /// How what is kept of a row is read.
    pub(in crate::store::sqlite) kept: Vec<ColumnType>,
    /// Removes the rows of the records in a JSON array of ids; gives `_w` (1 where none can lose) and what is kept.
    pub(in crate::store::sqlite) remove: Arc<str>,
    /// `_u`, `_n` (not for [`Form::One`]), `_d`, `_pos`, `_rev`, `_cid`, `_seen`, `_w` (claims), declared columns.
    pub(in crate::store::sqlite) insert: Rows,
    /// Claims only.
    pub(in crate::store::sqlite) claims: Option<ClaimTexts>,
    pub(in crate::store::sqlite) counts: Vec<CountTexts>,
}

/// Statements that decide between claims.
#[derive(Debug)]
pub(in crate::store::sqlite) struct ClaimTexts {
    /// Keys -> `_u`, `_n`, `_w`, `_rev`, collection, rkey and what is kept of all claims on them.
    pub(in crate::store::sqlite) rivals: Rows,
    /// `_u`, `_n` of rows that win from now on if they lost, and the other way round.
    pub(in crate::store::sqlite) turn: Rows,
}

/// One count's statements.
#[derive(Debug)]
pub(in crate::store::sqlite) struct CountTexts {
    /// Adds `n` to counters: its columns and `n`.
    pub(in crate::store::sqlite) add: Rows,
    /// Removes those of the counters that stand at 0.
    pub(in crate::store::sqlite) clear: Rows,
}

impl TableTexts {
    pub(super) fn new(id: GenerationId, table: &Table, shape: &TableShape) -> Self {
        let form = shape.form;
        let name = quoted(&table_name(id, &table.name));
        let kept: Vec<Source> = shape.kept.iter().map(|(source, _)| *source).collect();
        Self {
            kept: shape.kept.iter().map(|(_, ty)| *ty).collect(),
            remove: remove_text(&name, table, form, &kept).into(),
            insert: insert_text(&name, table, form),
            claims: (form == Form::Claims)
                .then(|| claim_texts(&name, table, &shape.key_sources, &kept)),
            counts: shape
                .counts
                .iter()
                .map(|count| CountTexts::new(id, table, count))
                .collect(),
        }
    }
}

fn remove_text(name: &str, table: &Table, form: Form, kept: &[Source]) -> String {
    let delete = format!("delete from {name} where _u in (select value from json_each(?))");
    if kept.is_empty() {
        return delete;
    }
    let wins = if form == Form::Claims { "_w" } else { "1" };
    format!("{delete} returning {wins}, {}", list(table, kept))
}

fn insert_text(name: &str, table: &Table, form: Form) -> Rows {
    let (ordinal, wins) = match form {
        Form::One => ("", ""),
        Form::Many => ("_n, ", ""),
        Form::Claims => ("_n, ", ", _w"),
    };
    let mut columns = format!("_u, {ordinal}_d, _pos, _rev, _cid, _seen{wins}");
    for column in &table.columns {
        columns.push_str(", ");
        columns.push_str(&quoted(&column.name));
    }
    let binds = columns.split(", ").count();
    Rows::new(
        &format!("insert into {name} ({columns}) values "),
        binds,
        "",
    )
}

fn claim_texts(name: &str, table: &Table, key: &[Source], kept: &[Source]) -> ClaimTexts {
    let columns: Vec<String> = (0..key.len()).map(|i| format!("c{i}")).collect();
    let same: Vec<String> = key
        .iter()
        .zip(&columns)
        .map(|(source, c)| format!("t.{} = k.{c}", source.physical(table)))
        .collect();
    let kept: Vec<String> = kept
        .iter()
        .map(|s| format!("t.{}", s.physical(table)))
        .collect();
    // "cross join" fixes the order of the loops: keys, then the key's index.
    let tail = format!(
        ") select t._u, t._n, t._w, t._rev, collection.nsid, record.rkey, {} \
         from k cross join {name} t on {} \
         cross join record on record.id = t._u \
         cross join collection on collection.id = record.coll_id",
        kept.join(", "),
        same.join(" and "),
    );
    ClaimTexts {
        rivals: Rows::new(
            &format!("with k({}) as (values ", columns.join(", ")),
            key.len(),
            &tail,
        ),
        turn: Rows::new(
            &format!("update {name} set _w = 1 - _w where (_u, _n) in (values "),
            2,
            ")",
        ),
    }
}

impl CountTexts {
    fn new(id: GenerationId, table: &Table, count: &CountShape) -> Self {
        let name = quoted(&table_name(id, &count.name));
        let columns = list(table, &count.sources);
        let clear = format!("delete from {name} where n = 0 and ({columns}) in (values ");
        let add = format!("insert into {name} ({columns}, n) values ");
        let tail = format!(" on conflict ({columns}) do update set n = n + excluded.n");
        let binds = count.sources.len();
        Self {
            add: Rows::new(&add, binds + 1, &tail),
            clear: Rows::new(&clear, binds, ")"),
        }
    }
}

fn list(table: &Table, sources: &[Source]) -> String {
    let names: Vec<String> = sources.iter().map(|s| s.physical(table)).collect();
    names.join(", ")
}
