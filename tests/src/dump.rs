//! Every table of a store as sorted text, interned ids decoded, so that two stores can be compared.
//!
//! Left out, because they may differ between two runs over the same input: pos, first-seen times (also where a plugin
//! took one for a time of its own), interned ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use aviary_manifest::{ColumnType, Manifest};

use crate::backend::Place;

mod postgres;
mod sqlite;

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

/// Reads the store of a place that nobody writes at the moment.
///
/// # Panics
/// When there is none.
pub async fn of_place(place: &Place) -> Dump {
    match place {
        Place::Sqlite(dir) => sqlite::of(&dir.path().join("store.db")).await,
        Place::Postgres(database) => postgres::of(database.url()).await,
    }
}

/// Reads a Postgres store that nobody writes at the moment.
///
/// # Panics
/// When there is none.
pub async fn of_postgres(url: &str) -> Dump {
    postgres::of(url).await
}

/// Reads a SQLite store that nobody writes at the moment.
///
/// # Panics
/// When the file is not a store.
pub async fn of(path: &Path) -> Dump {
    sqlite::of(path).await
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

/// A statement over a table of the host.
struct HostTable {
    name: &'static str,
    columns: &'static [&'static str],
    from: &'static str,
}

const URI: &str = "'at://' || d.did || '/' || c.nsid || '/' || r.rkey";

const HOST_TABLES: &[HostTable] = &[
    HostTable {
        name: "record",
        columns: &[URI, "r.rev", "r.cid", "r.body"],
        from: "record r join did d on d.id = r.did_id join collection c on c.id = r.coll_id where r.cid is not null",
    },
    HostTable {
        name: "repo",
        columns: &["d.did", "r.rev", "r.data", "r.state"],
        from: "repo r join did d on d.id = r.did_id",
    },
    HostTable {
        name: "account",
        columns: &["d.did", "a.active", "a.status", "a.handle"],
        from: "account a join did d on d.id = a.did_id",
    },
    HostTable {
        name: "hidden",
        columns: &["d.did"],
        from: "hidden h join did d on d.id = h.did_id",
    },
    HostTable {
        name: "dead_letter",
        columns: &[
            "g.plugin",
            "coalesce(l.subject, 'at://' || d.did || '/' || c.nsid || '/' || r.rkey)",
            "l.reason",
        ],
        from: "dead_letter l left join generation g on g.id = l.generation left join record r on r.id = l.record_id left join did d on d.id = r.did_id left join collection c on c.id = r.coll_id",
    },
];

impl HostTable {
    fn sql(&self) -> String {
        format!("select {} from {}", self.columns.join(", "), self.from)
    }
}

/// A table or count of a plugin: what is read of it, and the types that its cells are shown by.
struct PluginTable {
    /// `PLUGIN.TABLE`.
    shown: String,
    /// As the manifest names it.
    name: String,
    /// Unquoted.
    columns: Vec<String>,
    types: Vec<Option<ColumnType>>,
}

impl PluginTable {
    fn columns(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|c| format!("\"{c}\"")).collect();
        quoted.join(", ")
    }
}

fn plugin_tables(manifest: &Manifest) -> Vec<PluginTable> {
    let mut all = Vec::new();
    for table in &manifest.tables {
        let mut columns = vec!["_u".to_owned()];
        let mut types = vec![Some(ColumnType::AtUri)];
        columns.extend(table.columns.iter().map(|c| c.name.clone()));
        types.extend(table.columns.iter().map(|c| Some(c.ty)));
        columns.push("_seen".to_owned());
        types.push(Some(ColumnType::Time));
        all.push(PluginTable {
            shown: format!("{}.{}", manifest.name, table.name),
            name: table.name.clone(),
            columns,
            types,
        });
    }
    for count in &manifest.counts {
        let table = manifest.tables.iter().find(|t| t.name == count.table);
        let ty = |by: &String| {
            let column = table.and_then(|t| t.columns.iter().find(|c| &c.name == by));
            Some(column.map_or(ColumnType::Did, |c| c.ty))
        };
        let column = |by: &String| match by.as_str() {
            "_did" => "_d".to_owned(),
            by => by.to_owned(),
        };
        let mut columns: Vec<String> = count.by.iter().map(column).collect();
        columns.push("n".to_owned());
        all.push(PluginTable {
            shown: format!("{}.{}", manifest.name, count.name),
            name: count.name.clone(),
            columns,
            types: count.by.iter().map(ty).collect(),
        });
    }
    all
}

/// The addresses behind ids.
struct Names {
    dids: HashMap<i64, String>,
    uris: HashMap<i64, String>,
}

const DIDS: &str = "select id, did from did";
const URIS: &str = "select r.id, 'at://' || d.did || '/' || c.nsid || '/' || r.rkey from record r join did d on d.id = r.did_id join collection c on c.id = r.coll_id";

/// Cells as a line. A first-seen time, the last cell of a plugin's table, is left out, also where a plugin took it.
fn line(mut cells: Vec<String>, ends_with_seen: bool) -> String {
    if ends_with_seen {
        let seen = cells.pop().unwrap_or_default();
        for cell in cells.iter_mut().filter(|c| **c == seen) {
            "(first seen)".clone_into(cell);
        }
    }
    cells.join(" | ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
