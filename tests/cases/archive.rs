//! The archive: what a run of events leaves, whatever the batches, the replays and the crashes.

mod backfill;
mod durability;
mod entries;
mod erasing;
mod feed;
mod hiding;
mod holes;
mod listing;
mod migrating;
mod mixed;
mod model;
mod pages;
mod replay;
mod snapshots;
mod world;

use std::collections::BTreeMap;
use std::path::Path;

use aviary::atproto::{AtUri, Cid};
use aviary::clock::Clock;
use aviary::entry::Entry;
use aviary::store::sqlite::{SqliteOptions, SqliteStore};
use aviary::store::{FeedLimit, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use self::world::{ACCOUNTS, COLLECTIONS, Random, World, archive, collection, did};

fn options(dir: &TempDir, partitions: u16) -> SqliteOptions {
    SqliteOptions {
        path: dir.path().join("a.db"),
        partitions,
        clock: Clock::system(),
    }
}

async fn open(dir: &TempDir, partitions: u16) -> SqliteStore {
    SqliteStore::open(options(dir, partitions)).await.unwrap()
}

/// This many changes of any size.
fn at_most(changes: usize) -> FeedLimit {
    FeedLimit {
        changes,
        bytes: usize::MAX,
    }
}

async fn sql(dir: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(dir.join("a.db"));
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn number(c: &mut SqliteConnection, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(c)
        .await
        .unwrap()
}

/// Every row of every table, as text.
async fn dump(dir: &Path) -> BTreeMap<String, Vec<String>> {
    let mut c = sql(dir).await;
    let tables: Vec<String> =
        sqlx::query_scalar("select name from sqlite_schema where type = 'table'")
            .fetch_all(&mut c)
            .await
            .unwrap();
    let mut all = BTreeMap::new();
    for table in tables {
        let columns: Vec<String> = sqlx::query_scalar("select name from pragma_table_info(?)")
            .bind(&table)
            .fetch_all(&mut c)
            .await
            .unwrap();
        let row: Vec<String> = columns.iter().map(|n| format!("quote(\"{n}\")")).collect();
        let query = format!(
            "select {} as r from \"{table}\" order by r",
            row.join(" || ' ' || ")
        );
        let rows = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut c)
            .await
            .unwrap();
        all.insert(table, rows);
    }
    assert!(
        all["record"].len() > 10 || all["did"].len() < 3,
        "the dump sees the data"
    );
    all
}

/// Applies entries in batches of random sizes up to `max`.
async fn apply(store: &SqliteStore, entries: &[Entry], max: u64, seed: u64) {
    let mut random = Random(seed);
    let mut left = entries;
    let mut now_us = 1;
    while !left.is_empty() {
        let n = usize::try_from(1 + random.below(max))
            .unwrap()
            .min(left.len());
        let archived = archive(store, left[..n].iter().cloned(), now_us)
            .await
            .unwrap();
        for step in &archived.heads {
            let pos: Vec<i64> = archived
                .changes
                .iter()
                .filter(|c| c.partition == step.partition)
                .map(|c| c.pos)
                .collect();
            assert!(pos.is_sorted());
            assert!(pos.iter().all(|p| (step.from + 1..=step.to).contains(p)));
        }
        left = &left[n..];
        now_us += 1;
    }
}

/// Every record that repository reads show.
async fn visible(store: &impl Store) -> BTreeMap<AtUri, Cid> {
    let mut all = BTreeMap::new();
    for who in 0..ACCOUNTS {
        for coll in 0..COLLECTIONS {
            let page = store
                .list_records(&did(who), &collection(coll), None, false, 1_000)
                .await
                .unwrap();
            for record in page.into_iter().flat_map(|p| p.records) {
                assert!(record.cid.matches(&record.body));
                let uri = AtUri {
                    did: did(who),
                    collection: collection(coll),
                    rkey: record.rkey,
                };
                all.insert(uri, record.cid);
            }
        }
    }
    all
}

fn shown(world: &World) -> BTreeMap<AtUri, Cid> {
    let mut live = world.live.clone();
    live.retain(|uri, _| !world.hidden.contains(&uri.did));
    live
}
