//! A dump of a SQLite file.

use std::path::Path;

use aviary_manifest::{ColumnType, Manifest};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{DIDS, Dump, HOST_TABLES, Names, URIS, hex, line, plugin_tables};

pub(super) async fn of(path: &Path) -> Dump {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut db = SqliteConnection::connect_with(&options)
        .await
        .expect("the store's file");
    let names = names(&mut db).await;
    let mut dump = Dump::new();
    for table in HOST_TABLES {
        let lines = rows(&mut db, table.sql(), &[], &names).await;
        dump.insert(table.name.to_owned(), lines);
    }
    let generations: Vec<(i64, String)> = sqlx::query_as("select id, manifest from generation")
        .fetch_all(&mut db)
        .await
        .expect("generations");
    for (id, manifest) in generations {
        let manifest = Manifest::from_json(manifest.as_bytes()).expect("a stored manifest");
        for table in plugin_tables(&manifest) {
            let sql = format!("select {} from \"g{id}_{}\"", table.columns(), table.name);
            let lines = rows(&mut db, sql, &table.types, &names).await;
            dump.insert(table.shown, lines);
        }
    }
    dump
}

async fn names(db: &mut SqliteConnection) -> Names {
    let dids: Vec<(i64, String)> = sqlx::query_as(DIDS)
        .fetch_all(&mut *db)
        .await
        .expect("dids");
    let uris: Vec<(i64, String)> = sqlx::query_as(URIS)
        .fetch_all(&mut *db)
        .await
        .expect("uris");
    Names {
        dids: dids.into_iter().collect(),
        uris: uris.into_iter().collect(),
    }
}

async fn rows(
    db: &mut SqliteConnection,
    sql: String,
    types: &[Option<ColumnType>],
    names: &Names,
) -> Vec<String> {
    let found = sqlx::query(AssertSqlSafe(sql.clone()))
        .fetch_all(db)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    let mut lines: Vec<String> = found
        .iter()
        .map(|row| {
            let cells = (0..row.len())
                .map(|at| cell(row, at, types.get(at).copied().flatten(), names))
                .collect();
            let last = row.columns().last();
            line(cells, last.is_some_and(|c| c.name() == "_seen"))
        })
        .collect();
    lines.sort();
    lines
}

fn cell(row: &SqliteRow, at: usize, ty: Option<ColumnType>, names: &Names) -> String {
    let raw = row.try_get_raw(at).expect("a cell");
    if raw.is_null() {
        return "null".to_owned();
    }
    match (ty, raw.type_info().name()) {
        (Some(ColumnType::Did), _) => names.dids[&row.get::<i64, _>(at)].clone(),
        (Some(ColumnType::AtUri), _) => names.uris[&row.get::<i64, _>(at)].clone(),
        (_, "INTEGER" | "BOOLEAN") => row.get::<i64, _>(at).to_string(),
        (_, "REAL") => row.get::<f64, _>(at).to_string(),
        // Of the host's own tables.
        (None, "BLOB") => hex(row.get(at)),
        (_, "BLOB") => format!("{:02x?}", row.get::<Vec<u8>, _>(at)),
        _ => row.get::<String, _>(at),
    }
}
