//! Every table of a SQLite store as sorted text, interned ids decoded, so that two stores can be compared.
//!
//! Left out, because they may differ between two runs over the same input: pos, first-seen times (also where a plugin
//! took one for a time of its own), interned ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use aviary_manifest::{ColumnType, Manifest};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, Connection, Row, TypeInfo, ValueRef};

/// Rows by table, sorted: `record`, `account`, `dead_letter`, and `PLUGIN.TABLE` for plugins.
pub type Dump = BTreeMap<String, Vec<String>>;

/// Asserts that two dumps are equal, showing the first lines that are not.
///
/// # Panics
/// When they are not.
pub fn assert_same(left: &Dump, right: &Dump) {
    let mut differences = Vec::new();
    for table in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
        let (a, b) = (left.get(table), right.get(table));
        let (a, b): (BTreeSet<_>, BTreeSet<_>) = (
            a.into_iter().flatten().collect(),
            b.into_iter().flatten().collect(),
        );
        differences.extend(
            a.difference(&b)
                .take(3)
                .map(|l| format!("left only, {table}: {l}")),
        );
        differences.extend(
            b.difference(&a)
                .take(3)
                .map(|l| format!("right only, {table}: {l}")),
        );
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(left, right, "equal as sets, but a row stands twice");
}

/// Reads a store that nobody writes at the moment.
///
/// # Panics
/// When the file is not a store.
pub async fn of(path: &Path) -> Dump {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut db = SqliteConnection::connect_with(&options)
        .await
        .expect("the store's file");
    let names = Names::load(&mut db).await;
    let mut dump = Dump::new();
    for (table, sql) in HOST_TABLES {
        dump.insert((*table).to_owned(), rows(&mut db, sql, &[], &names).await);
    }
    let generations: Vec<(i64, String)> = sqlx::query_as("select id, manifest from generation")
        .fetch_all(&mut db)
        .await
        .expect("generations");
    for (id, manifest) in generations {
        let manifest = Manifest::from_json(manifest.as_bytes()).expect("a stored manifest");
        dump_generation(&mut db, id, &manifest, &names, &mut dump).await;
    }
    dump
}

/// What two runs have in common whenever their repositories were fetched: without the revs of records, which are the
/// snapshot's where one brought them, and without the repositories of hidden accounts, which nobody gives.
#[must_use]
pub fn settled(mut dump: Dump) -> Dump {
    let hidden: Vec<String> = dump["hidden"].clone();
    let is_hidden = |line: &String| {
        let address = line.trim_start_matches("at://");
        hidden.iter().any(|did| address.starts_with(did.as_str()))
    };
    for table in ["record", "repo"] {
        dump.entry(table.to_owned())
            .or_default()
            .retain(|line| !is_hidden(line));
    }
    for line in dump.entry("record".to_owned()).or_default() {
        let cells: Vec<&str> = line.split(" | ").collect();
        *line = [&cells[..1], &cells[2..]].concat().join(" | ");
    }
    dump
}

const HOST_TABLES: &[(&str, &str)] = &[
    (
        "record",
        "select 'at://' || d.did || '/' || c.nsid || '/' || r.rkey, r.rev, hex(r.cid), hex(r.body) from record r join did d on d.id = r.did_id join collection c on c.id = r.coll_id where r.cid is not null",
    ),
    (
        "repo",
        "select d.did, r.rev, hex(r.data), r.state from repo r join did d on d.id = r.did_id",
    ),
    (
        "account",
        "select d.did, a.active, a.status, a.handle from account a join did d on d.id = a.did_id",
    ),
    (
        "hidden",
        "select d.did from hidden h join did d on d.id = h.did_id",
    ),
    (
        "dead_letter",
        "select g.plugin, coalesce(l.subject, 'at://' || d.did || '/' || c.nsid || '/' || r.rkey), l.reason from dead_letter l left join generation g on g.id = l.generation left join record r on r.id = l.record_id left join did d on d.id = r.did_id left join collection c on c.id = r.coll_id",
    ),
];

struct Names {
    dids: HashMap<i64, String>,
    uris: HashMap<i64, String>,
}

impl Names {
    async fn load(db: &mut SqliteConnection) -> Self {
        let dids: Vec<(i64, String)> = sqlx::query_as("select id, did from did")
            .fetch_all(&mut *db)
            .await
            .expect("dids");
        let uris: Vec<(i64, String)> = sqlx::query_as(
            "select r.id, 'at://' || d.did || '/' || c.nsid || '/' || r.rkey from record r join did d on d.id = r.did_id join collection c on c.id = r.coll_id",
        )
        .fetch_all(&mut *db)
        .await
        .expect("uris");
        Self {
            dids: dids.into_iter().collect(),
            uris: uris.into_iter().collect(),
        }
    }
}

async fn dump_generation(
    db: &mut SqliteConnection,
    id: i64,
    manifest: &Manifest,
    names: &Names,
    dump: &mut Dump,
) {
    for table in &manifest.tables {
        let mut types = vec![Some(ColumnType::AtUri)];
        types.extend(table.columns.iter().map(|c| Some(c.ty)));
        types.push(Some(ColumnType::Time));
        let columns: String = table
            .columns
            .iter()
            .map(|c| format!(", \"{}\"", c.name))
            .collect();
        let sql = format!("select _u{columns}, _seen from \"g{id}_{}\"", table.name);
        dump.insert(
            format!("{}.{}", manifest.name, table.name),
            rows(db, &sql, &types, names).await,
        );
    }
    for count in &manifest.counts {
        let table = manifest.tables.iter().find(|t| t.name == count.table);
        let types: Vec<Option<ColumnType>> = count
            .by
            .iter()
            .map(|by| {
                let column = table.and_then(|t| t.columns.iter().find(|c| &c.name == by));
                Some(column.map_or(ColumnType::Did, |c| c.ty))
            })
            .collect();
        let by: Vec<String> = count
            .by
            .iter()
            .map(|by| format!("\"{}\"", if by == "_did" { "_d" } else { by }))
            .collect();
        let sql = format!("select {}, n from \"g{id}_{}\"", by.join(", "), count.name);
        dump.insert(
            format!("{}.{}", manifest.name, count.name),
            rows(db, &sql, &types, names).await,
        );
    }
}

async fn rows(
    db: &mut SqliteConnection,
    sql: &str,
    types: &[Option<ColumnType>],
    names: &Names,
) -> Vec<String> {
    let found = sqlx::query(AssertSqlSafe(sql.to_owned()))
        .fetch_all(db)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
    let mut lines: Vec<String> = found
        .iter()
        .map(|row| {
            let mut cells: Vec<String> = (0..row.len())
                .map(|at| cell(row, at, types.get(at).copied().flatten(), names))
                .collect();
            if row.columns().last().is_some_and(|c| c.name() == "_seen") {
                let seen = cells.pop().unwrap_or_default();
                for cell in cells.iter_mut().filter(|c| **c == seen) {
                    "(first seen)".clone_into(cell);
                }
            }
            cells.join(" | ")
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
        (_, "BLOB") => format!("{:02x?}", row.get::<Vec<u8>, _>(at)),
        _ => row.get::<String, _>(at),
    }
}
