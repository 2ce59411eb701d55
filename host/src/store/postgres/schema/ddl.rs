//! The DDL of a generation: its schema, tables, indexes, counts and views.
//!
//! Indexes have the order of NULLs that SQLite's have (the least value), so that the same reads are served by them.

use aviary_manifest::{Column, ColumnType, Count, IndexTerm, Manifest, Table};

use super::names::{Names, table_name};
use super::type_name;
use crate::store::error::StoreError;
use crate::store::indexing::{Form, Source, ViewShape, counted, quoted, views};

/// A view and its statement.
pub(in crate::store::postgres) struct View {
    /// Unquoted, without its schema.
    pub(in crate::store::postgres) name: String,
    /// Quoted, with its schema.
    pub(in crate::store::postgres) full_name: String,
    pub(in crate::store::postgres) sql: String,
}

/// Statements that make the schema, the tables and the indexes, in order.
pub(in crate::store::postgres) fn create_tables(
    names: &Names,
    manifest: &Manifest,
) -> Result<Vec<String>, StoreError> {
    let mut script = vec![format!("create schema {}", quoted(&names.schema))];
    for table in &manifest.tables {
        let form = Form::of(table)?;
        script.push(create_table(names, table, form));
        let mut of = "";
        if form == Form::Claims {
            of = " where _w = 1";
            let key: Result<Vec<String>, StoreError> = table
                .key
                .iter()
                .map(|k| Ok(Source::of(table, k)?.physical(table)))
                .collect();
            script.push(create_index(
                names,
                (&table.name, "key"),
                &key?.join(", "),
                "",
            ));
        }
        for (number, terms) in table.indexes.iter().enumerate() {
            let terms = index_terms(terms, &table.columns);
            script.push(create_index(
                names,
                (&table.name, &number.to_string()),
                &terms,
                of,
            ));
        }
    }
    for count in &manifest.counts {
        let table = counted(manifest, count)?;
        script.push(create_count(names, table, count)?);
        for (number, terms) in count.indexes.iter().enumerate() {
            let terms = index_terms(terms, &[]);
            script.push(create_index(
                names,
                (&count.name, &number.to_string()),
                &terms,
                "",
            ));
        }
    }
    Ok(script)
}

fn create_table(names: &Names, table: &Table, form: Form) -> String {
    let (ordinal, key) = match form {
        Form::One => ("", "_u"),
        Form::Many => (", _n integer not null", "_u, _n"),
        Form::Claims => (", _n integer not null, _w integer not null", "_u, _n"),
    };
    let mut sql = format!(
        "create table {} (_u bigint not null, _d bigint not null, _pos bigint not null, _seen bigint not null{ordinal}, \
         _rev text collate \"C\" not null, _cid text collate \"C\" not null",
        names.table(&table.name),
    );
    for column in &table.columns {
        sql.push_str(", ");
        sql.push_str(&column_text(column, column.nullable));
    }
    sql.push_str(&format!(", primary key ({key}))"));
    sql
}

fn column_text(column: &Column, nullable: bool) -> String {
    let collation = match column.ty {
        ColumnType::Text | ColumnType::Json => " collate \"C\"",
        _ => "",
    };
    let null = if nullable { "" } else { " not null" };
    format!(
        "{} {}{collation}{null}",
        quoted(&column.name),
        type_name(column.ty)
    )
}

/// `#` keeps an index's name apart from every identifier that a manifest can hold.
fn create_index(names: &Names, (table, name): (&str, &str), terms: &str, only: &str) -> String {
    format!(
        "create index {} on {} ({terms}){only}",
        quoted(&format!("{}#{name}", table_name(table))),
        names.table(table),
    )
}

fn index_terms(terms: &[IndexTerm], columns: &[Column]) -> String {
    let texts: Vec<String> = terms
        .iter()
        .map(|term| {
            let column = match term.column.as_str() {
                "_uri" => "_u",
                "_did" => "_d",
                name => name,
            };
            let nullable = columns.iter().any(|c| c.name == column && c.nullable);
            let order = match (term.descending, nullable) {
                (false, false) => "",
                (false, true) => " nulls first",
                (true, false) => " desc",
                (true, true) => " desc nulls last",
            };
            format!("{}{order}", quoted(column))
        })
        .collect();
    texts.join(", ")
}

/// A row with a null among the values is not counted, so the columns have none. A counter changes more often than it
/// is made: room on the page saves entries in its indexes.
fn create_count(names: &Names, table: &Table, count: &Count) -> Result<String, StoreError> {
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
            Source::Record | Source::Owner => format!("{} bigint not null", source.physical(table)),
        });
    }
    Ok(format!(
        "create table {} ({}, n bigint not null, primary key ({})) with (fillfactor = 80)",
        names.table(&count.name),
        columns.join(", "),
        key.join(", "),
    ))
}

/// Each view and its statement.
pub(in crate::store::postgres) fn create_views(
    names: &Names,
    manifest: &Manifest,
) -> Result<Vec<View>, StoreError> {
    let all = views(manifest)?;
    Ok(all.iter().map(|view| create_view(names, view)).collect())
}

/// That the account that `column` refers to is not hidden; true of a null. OFFSET keeps it a look-up for each row: as a
/// join, Postgres takes all accounts for hidden once more are hidden than a table has, and reads tables to their end.
fn visible(names: &Names, column: &str, ty: ColumnType) -> String {
    let hidden = names.of_host("hidden");
    if ty == ColumnType::AtUri {
        let record = names.of_host("record");
        format!(
            "not exists (select 1 from {record} r join {hidden} h on h.did_id = r.did_id where r.id = t.{column} offset 0)"
        )
    } else {
        format!("not exists (select 1 from {hidden} h where h.did_id = t.{column} offset 0)")
    }
}

fn create_view(names: &Names, shape: &ViewShape<'_>) -> View {
    let full_name = names.view(shape.name);
    let columns: Vec<String> = shape.columns.iter().map(|c| format!("t.{c}")).collect();
    let winners = shape.winners_only.then(|| "t._w = 1".to_owned());
    let shown = shape
        .hides
        .iter()
        .map(|(column, ty)| visible(names, column, *ty));
    let only: Vec<String> = winners.into_iter().chain(shown).collect();
    let mut sql = format!(
        "create view {full_name} as select {} from {} t",
        columns.join(", "),
        names.table(shape.name),
    );
    if !only.is_empty() {
        sql.push_str(" where ");
        sql.push_str(&only.join(" and "));
    }
    View {
        name: super::names::view_name(shape.name),
        full_name,
        sql,
    }
}
