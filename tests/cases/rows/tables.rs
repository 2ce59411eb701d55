//! A store under test, and what its tables hold.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use aviary::clock::Clock;
use aviary::entry::Entry;
use aviary::store::sqlite::{SqliteOptions, SqliteStore};
use aviary::store::{
    Advance, Applied, ArchiveUnit, Change, Effect, FeedLimit, Generation, IndexUnit, Pos, Store,
    StoreError,
};
use aviary_manifest::{ColumnType, Manifest};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, ValueRef as _};

use super::plugin::{Tables, manifests, registration};
use super::world::{PARTITIONS, with_partition};

pub(super) const NOW_US: i64 = 1_700_000_000_000_000;

/// A store with three plugins.
pub(super) struct Bed {
    pub(super) store: SqliteStore,
    pub(super) plugins: Vec<(Manifest, Generation)>,
    pub(super) path: PathBuf,
    /// How far the feed was read.
    through: Vec<Pos>,
    /// Units applied by plugin: their number is the position of partition 0.
    units: Vec<Pos>,
    _dir: tempfile::TempDir,
}

impl Bed {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("aviary.db");
        let store = SqliteStore::open(SqliteOptions {
            path: path.clone(),
            partitions: PARTITIONS,
            clock: Clock::from_fn(|| NOW_US),
        })
        .await
        .unwrap();
        let mut plugins = Vec::new();
        for manifest in manifests() {
            let made = store.register(registration(manifest.clone(), "d1")).await;
            plugins.push((manifest, made.unwrap()));
        }
        Self {
            units: vec![0; plugins.len()],
            through: vec![0; usize::from(PARTITIONS)],
            store,
            plugins,
            path,
            _dir: dir,
        }
    }

    /// Archives entries and gives the feed of what changed, by partition in pos order.
    pub(super) async fn archive(&mut self, entries: &[Entry]) -> Vec<Arc<Change>> {
        let unit = ArchiveUnit {
            entries: Arc::new(entries.iter().map(with_partition).collect()),
            now_us: NOW_US,
        };
        self.store.archive(unit).await.unwrap();
        while self.store.redo_step().await.unwrap().more {}
        while self.store.erase_step().await.unwrap().more {}
        let collections: Vec<String> = self
            .plugins
            .iter()
            .flat_map(|(m, _)| m.collections.clone())
            .collect();
        let wants = |nsid: &str| collections.iter().any(|c| c == nsid);
        let limit = FeedLimit {
            changes: 1_000_000,
            bytes: 1 << 30,
        };
        let mut changes = Vec::new();
        for part in 0..PARTITIONS {
            let after = self.through[usize::from(part)];
            let batch = self.store.changes_after(part, after, &wants, limit).await;
            let batch = batch.unwrap();
            self.through[usize::from(part)] = batch.through;
            changes.extend(batch.changes);
        }
        changes
    }

    /// Whether a plugin wants a change.
    pub(super) fn wants(&self, plugin: usize, change: &Change) -> bool {
        let collections = &self.plugins[plugin].0.collections;
        collections.iter().any(|c| c == change.collection.as_str())
    }

    /// The unit that comes next for a plugin.
    pub(super) fn unit(
        &self,
        plugin: usize,
        effects: Vec<(Arc<Change>, Effect)>,
    ) -> Arc<IndexUnit> {
        let from = self.units[plugin];
        Arc::new(IndexUnit {
            generation: self.plugins[plugin].1.id,
            advances: vec![Advance {
                partition: 0,
                from,
                to: from + 1,
            }],
            effects,
            now_us: NOW_US,
        })
    }

    /// Has a unit applied.
    pub(super) async fn apply(
        &mut self,
        plugin: usize,
        unit: Arc<IndexUnit>,
    ) -> Result<Applied, StoreError> {
        let applied = self.store.index(unit).await?;
        self.units[plugin] += 1;
        Ok(applied)
    }

    /// Another connection to the same file.
    pub(super) async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(&self.path);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// Everything that the plugins' tables hold, ids decoded.
    pub(super) async fn dump(&self) -> Tables {
        let mut c = self.connect().await;
        let names = Names::load(&mut c).await;
        let mut tables = Tables::new();
        for (manifest, generation) in &self.plugins {
            dump_plugin(&mut c, manifest, generation.id, &names, &mut tables).await;
        }
        tables
    }

    /// That each count is the GROUP BY of its table's winners, in SQL, and that none stands at 0.
    pub(super) async fn check_counts(&self) {
        let mut c = self.connect().await;
        for (manifest, generation) in &self.plugins {
            let id = generation.id;
            for count in &manifest.counts {
                let by: Vec<String> = count.by.iter().map(|b| physical(b)).collect();
                let by = by.join(", ");
                let only: Vec<String> = count
                    .by
                    .iter()
                    .map(|b| format!("{} is not null", physical(b)))
                    .collect();
                let table = manifest.tables.iter().find(|t| t.name == count.table);
                let wins = if is_claims(&table.unwrap().key) {
                    "_w = 1"
                } else {
                    "true"
                };
                let grouped = format!(
                    "select {by}, count(*) from \"g{id}_{}\" where {wins} and {} group by {by}",
                    count.table,
                    only.join(" and ")
                );
                let kept = format!("select {by}, n from \"g{id}_{}\"", count.name);
                for (a, b) in [(&grouped, &kept), (&kept, &grouped)] {
                    let sql = format!("select count(*) from ({a} except {b})");
                    let n: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                        .fetch_one(&mut c)
                        .await
                        .unwrap();
                    assert_eq!(n, 0, "{a} except {b}");
                }
            }
        }
    }

    /// The number of rows of a relation.
    pub(super) async fn rows_in(&self, sql: &str) -> i64 {
        let mut c = self.connect().await;
        let sql = format!("select count(*) from {sql}");
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut c)
            .await
            .unwrap()
    }
}

fn physical(column: &str) -> String {
    match column {
        "_did" => "_d".into(),
        "_uri" => "_u".into(),
        name => format!("\"{name}\""),
    }
}

fn is_claims(key: &[String]) -> bool {
    !key.iter().any(|k| k == "_uri")
}

struct Names {
    dids: HashMap<i64, String>,
    uris: HashMap<i64, String>,
}

const URIS: &str = "select r.id, 'at://' || d.did || '/' || c.nsid || '/' || r.rkey from record r \
    join did d on d.id = r.did_id join collection c on c.id = r.coll_id";

impl Names {
    async fn load(c: &mut SqliteConnection) -> Self {
        let dids: Vec<(i64, String)> = sqlx::query_as("select id, did from did")
            .fetch_all(&mut *c)
            .await
            .unwrap();
        let uris: Vec<(i64, String)> = sqlx::query_as(URIS).fetch_all(&mut *c).await.unwrap();
        Self {
            dids: dids.into_iter().collect(),
            uris: uris.into_iter().collect(),
        }
    }

    fn show(&self, row: &SqliteRow, at: usize, ty: ColumnType) -> String {
        if row.try_get_raw(at).unwrap().is_null() {
            return "null".into();
        }
        match ty {
            ColumnType::Did => self.dids[&row.get::<i64, _>(at)].clone(),
            ColumnType::AtUri => self.uris[&row.get::<i64, _>(at)].clone(),
            ColumnType::Real => format!("{:?}", row.get::<f64, _>(at)),
            ColumnType::Bytes => format!("{:02x?}", row.get::<Vec<u8>, _>(at)),
            ColumnType::Text | ColumnType::Json => format!("{:?}", row.get::<String, _>(at)),
            _ => row.get_unchecked::<i64, _>(at).to_string(),
        }
    }
}

async fn dump_plugin(
    c: &mut SqliteConnection,
    manifest: &Manifest,
    id: i64,
    names: &Names,
    tables: &mut Tables,
) {
    for table in &manifest.tables {
        let n = if table.key == ["_uri"] { "0" } else { "_n" };
        let w = if is_claims(&table.key) { "_w" } else { "1" };
        let mut columns = vec![ColumnType::AtUri, ColumnType::Did];
        let mut list = format!("select {n}, {w}, _rev, _cid, _u, _d");
        for column in &table.columns {
            list.push_str(&format!(", \"{}\"", column.name));
            columns.push(column.ty);
        }
        let sql = format!("{list} from \"g{id}_{}\"", table.name);
        let mut lines = Vec::new();
        for row in sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut *c)
            .await
            .unwrap()
        {
            let mut cells: Vec<String> = (4..)
                .zip(&columns)
                .map(|(at, ty)| names.show(&row, at, *ty))
                .collect();
            cells.insert(2, row.get(2));
            cells.insert(3, row.get(3));
            let (n, w): (i64, i64) = (row.get(0), row.get(1));
            lines.push(format!("{} #{n} {w}", cells.join(" | ")));
        }
        lines.sort();
        tables.insert(format!("{}.{}", manifest.name, table.name), lines);
    }
    for count in &manifest.counts {
        let table = manifest
            .tables
            .iter()
            .find(|t| t.name == count.table)
            .unwrap();
        let list: Vec<String> = count.by.iter().map(|b| physical(b)).collect();
        let sql = format!(
            "select n, {} from \"g{id}_{}\"",
            list.join(", "),
            count.name
        );
        let mut lines = Vec::new();
        for row in sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut *c)
            .await
            .unwrap()
        {
            let cells: Vec<String> = (1..)
                .zip(&count.by)
                .map(|(at, by)| {
                    let column = table.columns.iter().find(|c| &c.name == by);
                    names.show(&row, at, column.map_or(ColumnType::Did, |c| c.ty))
                })
                .collect();
            lines.push(format!("{} = {}", cells.join(" | "), row.get::<i64, _>(0)));
        }
        lines.sort();
        tables.insert(format!("{}.{}", manifest.name, count.name), lines);
    }
    let letters = dump_letters(c, id).await;
    tables.insert(format!("{}.dead_letter", manifest.name), letters);
}

async fn dump_letters(c: &mut SqliteConnection, id: i64) -> Vec<String> {
    let sql = format!(
        "select n.uri || ' ' || l.reason from dead_letter l join ({}) n on n.id = l.record_id where l.generation = ?",
        URIS.replace("r.rkey from", "r.rkey as uri from")
    );
    let mut letters: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(id)
        .fetch_all(c)
        .await
        .unwrap();
    letters.sort();
    letters
}

/// Shows where two dumps differ.
pub(super) fn assert_same(found: &Tables, wanted: &Tables, context: &str) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        wanted.keys().collect::<Vec<_>>()
    );
    for (table, lines) in wanted {
        assert_eq!(&found[table], lines, "{context}: {table}");
    }
}
