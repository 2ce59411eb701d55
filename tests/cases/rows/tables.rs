//! A store under test, and what its tables hold.

use std::collections::HashMap;
use std::sync::Arc;

use aviary::entry::Entry;
use aviary::store::{
    Advance, Applied, ArchiveUnit, Change, Effect, FeedLimit, Generation, IndexUnit, Pos, Store,
    StoreError,
};
use aviary_manifest::{ColumnType, Count, Manifest};
use aviary_tests::backend::{Backend, Cell, Place};

use super::plugin::{Tables, manifests, registration};
use super::world::{PARTITIONS, with_partition};

pub(super) const NOW_US: i64 = 1_700_000_000_000_000;

/// A store with three plugins.
pub(super) struct Bed {
    pub(super) store: Arc<dyn Store>,
    pub(super) plugins: Vec<(Manifest, Generation)>,
    /// How far the feed was read.
    through: Vec<Pos>,
    /// Units applied by plugin: their number is the position of partition 0.
    units: Vec<Pos>,
    /// Goes after the store.
    pub(super) place: Place,
}

impl Bed {
    pub(super) async fn new(backend: Backend) -> Self {
        let place = Place::new(backend).await;
        let store = place.open(PARTITIONS).await;
        Self::with(place, store).await
    }

    /// The same over a store that was opened in `place`.
    pub(super) async fn with(place: Place, store: Arc<dyn Store>) -> Self {
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
            place,
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

    /// A plugin's table or count, as SQL names it.
    pub(super) fn table(&self, plugin: usize, name: &str) -> String {
        self.place.table(self.plugins[plugin].1.id, name)
    }

    /// Everything that the plugins' tables hold, ids decoded.
    pub(super) async fn dump(&self) -> Tables {
        let names = Names::load(&self.place).await;
        let mut tables = Tables::new();
        for (manifest, generation) in &self.plugins {
            dump_plugin(&self.place, manifest, generation.id, &names, &mut tables).await;
        }
        tables
    }

    /// That each count is the GROUP BY of its table's winners, in SQL, and that none stands at 0.
    pub(super) async fn check_counts(&self) {
        let mut wrong = Vec::new();
        for (manifest, generation) in &self.plugins {
            for count in &manifest.counts {
                let (grouped, kept) = self.counted(manifest, generation.id, count);
                for (a, b) in [(&grouped, &kept), (&kept, &grouped)] {
                    let name = &count.name;
                    wrong.push(format!(
                        "select '{name}' from (select * from ({a}) g except select * from ({b}) k) x"
                    ));
                }
            }
        }
        let wrong = self.place.texts(&wrong.join(" union all ")).await;
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// What a count has to hold, and what it holds.
    fn counted(&self, manifest: &Manifest, generation: i64, count: &Count) -> (String, String) {
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
            "select {by}, count(*) as n from {} where {wins} and {} group by {by}",
            self.place.table(generation, &count.table),
            only.join(" and ")
        );
        let count = self.place.table(generation, &count.name);
        (grouped, format!("select {by}, n from {count}"))
    }

    /// The number of rows of a relation.
    pub(super) async fn rows_in(&self, sql: &str) -> i64 {
        self.place
            .number(&format!("select count(*) from {sql}"))
            .await
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

const URIS: &str = "select r.id, 'at://' || d.did || '/' || c.nsid || '/' || r.rkey as uri from record r \
    join did d on d.id = r.did_id join collection c on c.id = r.coll_id";

impl Names {
    async fn load(place: &Place) -> Self {
        let named = |rows: Vec<Vec<Cell>>| {
            let pairs = rows.iter();
            let pairs = pairs.map(|row| (row[0].integer(), row[1].text().to_owned()));
            pairs.collect()
        };
        Self {
            dids: named(place.rows("select id, did from did").await),
            uris: named(place.rows(URIS).await),
        }
    }

    fn show(&self, cell: &Cell, ty: ColumnType) -> String {
        match (ty, cell) {
            (_, Cell::Null) => "null".into(),
            (ColumnType::Did, id) => self.dids[&id.integer()].clone(),
            (ColumnType::AtUri, id) => self.uris[&id.integer()].clone(),
            (_, Cell::Real(r)) => format!("{r:?}"),
            (_, Cell::Bytes(b)) => format!("{b:02x?}"),
            (_, Cell::Text(t)) => format!("{t:?}"),
            (_, Cell::Integer(i)) => i.to_string(),
        }
    }
}

async fn dump_plugin(
    place: &Place,
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
        let sql = format!("{list} from {}", place.table(id, &table.name));
        let mut lines = Vec::new();
        for row in place.rows(&sql).await {
            let mut cells: Vec<String> = row[4..]
                .iter()
                .zip(&columns)
                .map(|(cell, ty)| names.show(cell, *ty))
                .collect();
            cells.insert(2, row[2].text().to_owned());
            cells.insert(3, row[3].text().to_owned());
            let (n, w) = (row[0].integer(), row[1].integer());
            lines.push(format!("{} #{n} {w}", cells.join(" | ")));
        }
        lines.sort();
        tables.insert(format!("{}.{}", manifest.name, table.name), lines);
    }
    for count in &manifest.counts {
        let table = manifest.tables.iter().find(|t| t.name == count.table);
        let table = table.unwrap();
        let list: Vec<String> = count.by.iter().map(|b| physical(b)).collect();
        let (list, counter) = (list.join(", "), place.table(id, &count.name));
        let mut lines = Vec::new();
        for row in place
            .rows(&format!("select n, {list} from {counter}"))
            .await
        {
            let cells: Vec<String> = row[1..]
                .iter()
                .zip(&count.by)
                .map(|(cell, by)| {
                    let column = table.columns.iter().find(|c| &c.name == by);
                    names.show(cell, column.map_or(ColumnType::Did, |c| c.ty))
                })
                .collect();
            lines.push(format!("{} = {}", cells.join(" | "), row[0].integer()));
        }
        lines.sort();
        tables.insert(format!("{}.{}", manifest.name, count.name), lines);
    }
    let letters = format!(
        "select n.uri || ' ' || l.reason from dead_letter l join ({URIS}) n on n.id = l.record_id \
         where l.generation = {id}"
    );
    let mut letters = place.texts(&letters).await;
    letters.sort();
    tables.insert(format!("{}.dead_letter", manifest.name), letters);
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
