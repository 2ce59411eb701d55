//! A dump of a Postgres database, in the words of a SQLite one.

use aviary_manifest::{ColumnType, Manifest};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{DIDS, Dump, HOST_TABLES, Names, URIS, hex, line, plugin_tables};

const SCHEMA: &str = "aviary";

pub(super) async fn of(url: &str) -> Dump {
    let mut db = PgConnection::connect(url).await.expect("the database");
    sqlx::query("select set_config('search_path', $1, false)")
        .bind(SCHEMA)
        .execute(&mut db)
        .await
        .expect("a search path");
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
            let (columns, name) = (table.columns(), &table.name);
            let sql = format!("select {columns} from {SCHEMA}_g{id}.\"t_{name}\"");
            let lines = rows(&mut db, sql, &table.types, &names).await;
            dump.insert(table.shown, lines);
        }
    }
    dump
}

async fn names(db: &mut PgConnection) -> Names {
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
    db: &mut PgConnection,
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

fn cell(row: &PgRow, at: usize, ty: Option<ColumnType>, names: &Names) -> String {
    let raw = row.try_get_raw(at).expect("a cell");
    if raw.is_null() {
        return "null".to_owned();
    }
    match (ty, raw.type_info().name()) {
        (Some(ColumnType::Did), _) => names.dids[&row.get::<i64, _>(at)].clone(),
        (Some(ColumnType::AtUri), _) => names.uris[&row.get::<i64, _>(at)].clone(),
        (_, "BOOL") => i64::from(row.get::<bool, _>(at)).to_string(),
        (_, "INT4") => row.get::<i32, _>(at).to_string(),
        (_, "INT8") => row.get::<i64, _>(at).to_string(),
        (_, "FLOAT8") => row.get::<f64, _>(at).to_string(),
        // Of the host's own tables.
        (None, "BYTEA") => hex(row.get(at)),
        (_, "BYTEA") => format!("{:02x?}", row.get::<Vec<u8>, _>(at)),
        _ => row.get::<String, _>(at),
    }
}
