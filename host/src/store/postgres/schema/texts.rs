//! The statements that keep one table and its counts: each takes all rows at once, one array for each column.

use std::sync::Arc;

use aviary_manifest::{ColumnType, Table};

use super::names::Names;
use super::type_name;
use crate::store::indexing::{CountShape, Form, Source, TableShape};

/// One table's statements.
#[derive(Debug)]
pub(in crate::store::postgres) struct TableTexts {
    /// What is kept of a row, and how it is read.
    pub(in crate::store::postgres) kept: Vec<ColumnType>,
    /// The declared columns.
    pub(in crate::store::postgres) columns: Vec<ColumnType>,
    /// The key, for claims.
    pub(in crate::store::postgres) key: Vec<ColumnType>,
    /// Removes the rows of records; gives `_w` (1 where none can lose) and what is kept.
    pub(in crate::store::postgres) remove: Arc<str>,
    /// `_u`, `_d`, `_pos`, `_seen`, `_rev`, `_cid`, `_n` (not for [`Form::One`]), `_w` (claims), declared columns.
    pub(in crate::store::postgres) insert: Arc<str>,
    /// Keys -> `_u`, `_n`, `_w`, `_rev`, collection, rkey and what is kept of all claims on them.
    pub(in crate::store::postgres) rivals: Arc<str>,
    /// `_u`, `_n` of rows that win from now on if they lost, and the other way round.
    pub(in crate::store::postgres) turn: Arc<str>,
    pub(in crate::store::postgres) counts: Vec<CountTexts>,
}

/// One count's statements.
#[derive(Debug)]
pub(in crate::store::postgres) struct CountTexts {
    pub(in crate::store::postgres) by: Vec<ColumnType>,
    /// Adds to counters: its columns and `n`.
    pub(in crate::store::postgres) add: Arc<str>,
    /// Removes those of the counters that stand at 0.
    pub(in crate::store::postgres) clear: Arc<str>,
}

impl TableTexts {
    pub(super) fn new(names: &Names, table: &Table, shape: &TableShape) -> Self {
        let name = names.table(&table.name);
        let key: Vec<ColumnType> = shape.key_sources.iter().map(|s| s.ty(table)).collect();
        let kept: Vec<String> = shape
            .kept
            .iter()
            .map(|(source, _)| format!("t.{}", source.physical(table)))
            .collect();
        Self {
            kept: shape.kept.iter().map(|(_, ty)| *ty).collect(),
            columns: table.columns.iter().map(|c| c.ty).collect(),
            remove: remove_text(&name, shape.form, &kept).into(),
            insert: insert_text(&name, table, shape.form).into(),
            rivals: rivals_text(names, table, shape, &kept).into(),
            turn: format!(
                "update {name} t set _w = 1 - t._w \
                 from unnest($1::bigint[], $2::integer[]) as k(u, n) where t._u = k.u and t._n = k.n"
            )
            .into(),
            key,
            counts: shape
                .counts
                .iter()
                .map(|count| CountTexts::new(names, table, count))
                .collect(),
        }
    }
}

fn remove_text(name: &str, form: Form, kept: &[String]) -> String {
    let delete = format!("delete from {name} t where t._u = any($1::bigint[])");
    if kept.is_empty() {
        return delete;
    }
    let wins = if form == Form::Claims { "t._w" } else { "1" };
    format!("{delete} returning {wins}, {}", kept.join(", "))
}

/// `unnest($1::a[], $2::b[], …)`.
fn unnest<'t>(types: impl IntoIterator<Item = &'t str>) -> String {
    let arrays: Vec<String> = (1..)
        .zip(types)
        .map(|(number, ty)| format!("${number}::{ty}[]"))
        .collect();
    format!("unnest({})", arrays.join(", "))
}

fn insert_text(name: &str, table: &Table, form: Form) -> String {
    let mut columns = "_u, _d, _pos, _seen, _rev, _cid".to_owned();
    let mut types = vec!["bigint", "bigint", "bigint", "bigint", "text", "text"];
    if form != Form::One {
        columns.push_str(", _n");
        types.push("integer");
    }
    if form == Form::Claims {
        columns.push_str(", _w");
        types.push("integer");
    }
    for (at, column) in table.columns.iter().enumerate() {
        columns.push_str(", ");
        columns.push_str(&Source::Column(at).physical(table));
        types.push(type_name(column.ty));
    }
    format!(
        "insert into {name} ({columns}) select * from {}",
        unnest(types)
    )
}

fn rivals_text(names: &Names, table: &Table, shape: &TableShape, kept: &[String]) -> String {
    if shape.form != Form::Claims {
        return String::new();
    }
    let columns: Vec<String> = (0..shape.key_sources.len())
        .map(|i| format!("c{i}"))
        .collect();
    let types = shape.key_sources.iter().map(|s| type_name(s.ty(table)));
    // A key has no column that may be null.
    let same: Vec<String> = shape
        .key_sources
        .iter()
        .zip(&columns)
        .map(|(source, c)| format!("t.{} = k.{c}", source.physical(table)))
        .collect();
    format!(
        "select t._u, t._n, t._w, t._rev, c.nsid, r.rkey, {} from {} as k({}) join {} t on {} \
         join {} r on r.id = t._u join {} c on c.id = r.coll_id",
        kept.join(", "),
        unnest(types),
        columns.join(", "),
        names.table(&table.name),
        same.join(" and "),
        names.of_host("record"),
        names.of_host("collection"),
    )
}

impl CountTexts {
    fn new(names: &Names, table: &Table, count: &CountShape) -> Self {
        let name = names.table(&count.name);
        let by: Vec<ColumnType> = count.sources.iter().map(|s| s.ty(table)).collect();
        let columns: Vec<String> = count.sources.iter().map(|s| s.physical(table)).collect();
        let list = columns.join(", ");
        let types = by.iter().map(|ty| type_name(*ty));
        let with_n = unnest(types.clone().chain(["bigint"]));
        let places: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
        let same: Vec<String> = columns
            .iter()
            .zip(&places)
            .map(|(column, place)| format!("t.{column} = k.{place}"))
            .collect();
        let (keys, places, same) = (unnest(types), places.join(", "), same.join(" and "));
        let add = format!(
            "insert into {name} as t ({list}, n) select * from {with_n} \
             on conflict ({list}) do update set n = t.n + excluded.n"
        );
        let clear =
            format!("delete from {name} t using {keys} as k({places}) where t.n = 0 and {same}");
        Self {
            by,
            add: add.into(),
            clear: clear.into(),
        }
    }
}
