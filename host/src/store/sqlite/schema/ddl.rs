//! Making and dropping a generation's tables.

use aviary_manifest::{ColumnType, Count, IndexTerm, Table};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{GenerationTables, Shape, database_column, physical, quoted, sql_type, view};
use crate::store::StoreError;

/// Makes every table, view and index.
pub(in crate::store::sqlite) async fn create(
    db: &mut SqliteConnection,
    tables: &GenerationTables,
) -> Result<(), StoreError> {
    for table in &tables.manifest.tables {
        run(db, row_table(tables, table)).await?;
        run(db, row_view(tables, table)).await?;
        for (n, index) in table.indexes.iter().enumerate() {
            run(db, row_index(tables, table, n, index)).await?;
        }
        if Shape::of(table) == Shape::Claims {
            let key: Vec<String> = table
                .key
                .iter()
                .map(|k| quoted(database_column(k)))
                .collect();
            let name = quoted(&format!("g{}_{}_key", tables.id, table.name));
            let on = physical(tables.id, &table.name);
            run(
                db,
                format!("create index {name} on {on} ({})", key.join(", ")),
            )
            .await?;
        }
    }
    for count in &tables.manifest.counts {
        for sql in count_table(tables, count) {
            run(db, sql).await?;
        }
    }
    Ok(())
}

/// Drops everything that [`create`] made; indexes go with their tables.
pub(in crate::store::sqlite) async fn drop_all(
    db: &mut SqliteConnection,
    tables: &GenerationTables,
) -> Result<(), StoreError> {
    let rows = tables.manifest.tables.iter().map(|t| &t.name);
    let counts = tables.manifest.counts.iter().map(|c| &c.name);
    for name in rows.chain(counts) {
        run(
            db,
            format!("drop view if exists {}", quoted(&view(tables.id, name))),
        )
        .await?;
        run(
            db,
            format!("drop table if exists {}", physical(tables.id, name)),
        )
        .await?;
    }
    Ok(())
}

async fn run(db: &mut SqliteConnection, sql: String) -> Result<(), StoreError> {
    sqlx::query(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

fn row_table(tables: &GenerationTables, table: &Table) -> String {
    let shape = Shape::of(table);
    let mut columns = vec![match shape {
        Shape::OnePerRecord => "_u integer primary key".to_owned(),
        Shape::ManyPerRecord | Shape::Claims => {
            "_u integer not null, _n integer not null".to_owned()
        }
    }];
    if shape == Shape::Claims {
        columns.push("_w integer not null".to_owned());
    }
    columns.push("_d integer not null, _pos integer not null, _rev text not null, _cid text not null, _seen integer not null".to_owned());
    for column in &table.columns {
        let null = if column.nullable { "" } else { " not null" };
        columns.push(format!(
            "{} {}{null}",
            quoted(&column.name),
            sql_type(column.ty)
        ));
    }
    let end = match shape {
        Shape::OnePerRecord => ")",
        Shape::ManyPerRecord | Shape::Claims => ", primary key (_u, _n)) without rowid",
    };
    format!(
        "create table {} ({}{end}",
        physical(tables.id, &table.name),
        columns.join(", ")
    )
}

fn row_view(tables: &GenerationTables, table: &Table) -> String {
    let declared: String = table
        .columns
        .iter()
        .map(|c| format!(", t.{}", quoted(&c.name)))
        .collect();
    let mut wheres = vec!["not exists (select 1 from hidden h where h.did_id = t._d)".to_owned()];
    if Shape::of(table) == Shape::Claims {
        wheres.push("t._w = 1".to_owned());
    }
    for name in &table.hide_with {
        let ty = table.columns.iter().find(|c| &c.name == name).map(|c| c.ty);
        wheres.extend(ty.and_then(|ty| visible(ty, &format!("t.{}", quoted(name)))));
    }
    format!(
        "create view {} as select t._u, t._d, t._rev, t._cid, t._seen{declared} from {} t where {}",
        quoted(&view(tables.id, &table.name)),
        physical(tables.id, &table.name),
        wheres.join(" and ")
    )
}

/// The condition that what a column refers to is not hidden; none for columns that refer to nothing.
fn visible(ty: ColumnType, column: &str) -> Option<String> {
    match ty {
        ColumnType::Did => Some(format!(
            "not exists (select 1 from hidden h where h.did_id = {column})"
        )),
        ColumnType::AtUri => Some(format!(
            "not exists (select 1 from record r join hidden h on h.did_id = r.did_id where r.id = {column})"
        )),
        _ => None,
    }
}

fn row_index(tables: &GenerationTables, table: &Table, n: usize, index: &[IndexTerm]) -> String {
    // Rows that lost their key are in no view, so they need not be in an index.
    let partial = if Shape::of(table) == Shape::Claims {
        " where _w = 1"
    } else {
        ""
    };
    format!(
        "create index {} on {} ({}){partial}",
        quoted(&format!("g{}_{}_{n}", tables.id, table.name)),
        physical(tables.id, &table.name),
        terms(index)
    )
}

fn terms(index: &[IndexTerm]) -> String {
    let term = |t: &IndexTerm| {
        let order = if t.descending { " desc" } else { "" };
        format!("{}{order}", quoted(database_column(&t.column)))
    };
    index.iter().map(term).collect::<Vec<_>>().join(", ")
}

fn count_table(tables: &GenerationTables, count: &Count) -> Vec<String> {
    let table = tables
        .manifest
        .tables
        .iter()
        .find(|t| t.name == count.table);
    let type_of = |by: &String| {
        let declared = table.and_then(|t| t.columns.iter().find(|c| &c.name == by));
        declared.map_or(ColumnType::Did, |c| c.ty)
    };
    let names: Vec<String> = count
        .by
        .iter()
        .map(|by| quoted(database_column(by)))
        .collect();
    let columns: String = count
        .by
        .iter()
        .zip(&names)
        .map(|(by, name)| format!("{name} {} not null, ", sql_type(type_of(by))))
        .collect();
    let on = physical(tables.id, &count.name);
    let shown: String = names.iter().map(|n| format!("t.{n}, ")).collect();
    let wheres: Vec<String> = count
        .by
        .iter()
        .zip(&names)
        .filter_map(|(by, name)| visible(type_of(by), &format!("t.{name}")))
        .collect();
    let wheres = if wheres.is_empty() {
        String::new()
    } else {
        format!(" where {}", wheres.join(" and "))
    };
    let mut sql = vec![
        format!(
            "create table {on} ({columns}n integer not null, primary key ({})) without rowid",
            names.join(", ")
        ),
        format!(
            "create view {} as select {shown}t.n from {on} t{wheres}",
            quoted(&view(tables.id, &count.name))
        ),
    ];
    for (n, index) in count.indexes.iter().enumerate() {
        let name = quoted(&format!("g{}_{}_{n}", tables.id, count.name));
        sql.push(format!("create index {name} on {on} ({})", terms(index)));
    }
    sql
}
