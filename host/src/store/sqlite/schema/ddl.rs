//! The DDL of a generation: tables, indexes, counts and views.

use aviary_manifest::{Column, ColumnType, Count, IndexTerm, Manifest, Table};

use super::{table_name, view_name};
use crate::store::error::StoreError;
use crate::store::indexing::{Form, Source, ViewShape, counted, quoted, views};
use crate::store::rows::GenerationId;

pub(super) fn create_tables(
    id: GenerationId,
    manifest: &Manifest,
) -> Result<Vec<String>, StoreError> {
    let mut script = Vec::new();
    for table in &manifest.tables {
        let form = Form::of(table)?;
        script.push(create_table(id, table, form));
        let name = table_name(id, &table.name);
        let mut of = String::new();
        if form == Form::Claims {
            of.push_str(" where _w = 1");
            let key: Result<Vec<String>, StoreError> = table
                .key
                .iter()
                .map(|k| Ok(Source::of(table, k)?.physical(table)))
                .collect();
            script.push(create_index(&name, "key", &key?.join(", "), ""));
        }
        for (number, terms) in table.indexes.iter().enumerate() {
            let terms = index_terms(terms);
            script.push(create_index(&name, &number.to_string(), &terms, &of));
        }
    }
    for count in &manifest.counts {
        let table = counted(manifest, count)?;
        script.push(create_count(id, table, count)?);
        let name = table_name(id, &count.name);
        for (number, terms) in count.indexes.iter().enumerate() {
            let terms = index_terms(terms);
            script.push(create_index(&name, &number.to_string(), &terms, ""));
        }
    }
    Ok(script)
}

fn create_table(id: GenerationId, table: &Table, form: Form) -> String {
    let (record, key) = match form {
        Form::One => ("_u integer primary key", "strict"),
        Form::Many => (
            "_u integer not null, _n integer not null",
            "strict, without rowid",
        ),
        Form::Claims => (
            "_u integer not null, _n integer not null, _w integer not null",
            "strict, without rowid",
        ),
    };
    let mut sql = format!(
        "create table {} ({record}, _d integer not null, _pos integer not null, _rev text not null, \
         _cid text not null, _seen integer not null",
        quoted(&table_name(id, &table.name)),
    );
    for column in &table.columns {
        sql.push_str(", ");
        sql.push_str(&column_text(column, column.nullable));
    }
    if form != Form::One {
        sql.push_str(", primary key (_u, _n)");
    }
    sql.push_str(") ");
    sql.push_str(key);
    sql
}

fn column_text(column: &Column, nullable: bool) -> String {
    let ty = match column.ty {
        ColumnType::Text | ColumnType::Json => "text",
        ColumnType::Real => "real",
        ColumnType::Bytes => "blob",
        ColumnType::Integer
        | ColumnType::Boolean
        | ColumnType::Time
        | ColumnType::Did
        | ColumnType::AtUri => "integer",
    };
    let null = if nullable { "" } else { " not null" };
    format!("{} {ty}{null}", quoted(&column.name))
}

/// `#` keeps an index's name apart from every identifier that a manifest can hold.
fn create_index(table: &str, name: &str, terms: &str, only: &str) -> String {
    format!(
        "create index {} on {} ({terms}){only}",
        quoted(&format!("{table}#{name}")),
        quoted(table),
    )
}

fn index_terms(terms: &[IndexTerm]) -> String {
    let texts: Vec<String> = terms
        .iter()
        .map(|term| {
            let column = match term.column.as_str() {
                "_uri" => "_u",
                "_did" => "_d",
                name => name,
            };
            let order = if term.descending { " desc" } else { "" };
            format!("{}{order}", quoted(column))
        })
        .collect();
    texts.join(", ")
}

/// A row with a null among the values is not counted, so the columns have none.
fn create_count(id: GenerationId, table: &Table, count: &Count) -> Result<String, StoreError> {
    let mut columns = Vec::new();
    let mut key = Vec::new();
    for name in &count.by {
        let source = Source::of(table, name)?;
        key.push(source.physical(table));
        columns.push(match source {
            Source::Column(at) => table
                .columns
                .get(at)
                .map_or_else(String::new, |c| column_text(c, false)),
            Source::Record | Source::Owner => {
                format!("{} integer not null", source.physical(table))
            }
        });
    }
    Ok(format!(
        "create table {} ({}, n integer not null, primary key ({})) strict, without rowid",
        quoted(&table_name(id, &count.name)),
        columns.join(", "),
        key.join(", "),
    ))
}

/// Each view's name and its statement.
pub(super) fn create_views(
    id: GenerationId,
    manifest: &Manifest,
) -> Result<Vec<(String, String)>, StoreError> {
    Ok(views(manifest)?
        .iter()
        .map(|view| create_view(id, view))
        .collect())
}

/// That the account that `column` refers to is not hidden; true of a null.
fn visible(column: &str, ty: ColumnType) -> String {
    if ty == ColumnType::AtUri {
        format!(
            "not exists (select 1 from record cross join hidden on hidden.did_id = record.did_id \
             where record.id = {column})"
        )
    } else {
        format!("not exists (select 1 from hidden where hidden.did_id = {column})")
    }
}

fn create_view(id: GenerationId, shape: &ViewShape<'_>) -> (String, String) {
    let view = view_name(id, shape.name);
    let table = quoted(&table_name(id, shape.name));
    let winners = shape.winners_only.then(|| "_w = 1".to_owned());
    let shown = shape
        .hides
        .iter()
        .map(|(column, ty)| visible(&format!("{table}.{column}"), *ty));
    let only: Vec<String> = winners.into_iter().chain(shown).collect();
    let mut sql = format!(
        "create view {} as select {} from {table}",
        quoted(&view),
        shape.columns.join(", "),
    );
    if !only.is_empty() {
        sql.push_str(" where ");
        sql.push_str(&only.join(" and "));
    }
    (view, sql)
}
