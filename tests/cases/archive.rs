//! The archive: what a run of events leaves, whatever the batches, the replays and the crashes.

mod feed;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aviary::atproto::{AtUri, Cid, Did};
use aviary::clock::Clock;
use aviary::entry::{Entry, Partition, Source, partition_of};
use aviary::store::sqlite::{SqliteOptions, SqliteStore};
use aviary::store::{ChangeState, FeedLimit, IndexUnit, Pos, Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

use self::world::{
    ACCOUNTS, COLLECTIONS, Random, World, account, archive, collection, commit, delete, did,
    placed, put, source,
};

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

#[tokio::test]
async fn a_run_leaves_what_it_says_whatever_the_batches() {
    for (partitions, batch) in [(1, 1), (1, 50), (4, 7), (4, 1_000)] {
        let dir = TempDir::new().unwrap();
        let world = World::new(7, 600, 256);
        let store = open(&dir, partitions).await;
        apply(&store, &world.entries, batch, 1).await;

        assert!(!world.hidden.is_empty() && !world.desynchronized.is_empty() && world.rejected > 0);
        assert_eq!(visible(&store).await, shown(&world));
        let heads = store.heads().await.unwrap();
        for (partition, head) in (0..).zip(&heads.partitions) {
            assert_eq!(head.pos, world.head(partition, partitions));
        }
        assert_eq!(
            store.saved_cursor(&source()).await.unwrap(),
            Some(world.last_mark)
        );

        let mut c = sql(dir.path()).await;
        let rows =
            sqlx::query("select d.did, r.rev, r.state from repo r join did d on d.id = r.did_id")
                .fetch_all(&mut c)
                .await
                .unwrap();
        let mut revs = BTreeMap::new();
        let mut broken = BTreeSet::new();
        for row in rows {
            let did = Did::parse(row.get(0)).unwrap();
            if row.get::<i64, _>(2) == 1 {
                broken.insert(did.clone());
            }
            revs.insert(did, row.get::<String, _>(1));
        }
        let expected: BTreeMap<Did, String> = world
            .revs
            .iter()
            .map(|(d, r)| (d.clone(), r.to_string()))
            .collect();
        assert_eq!(revs, expected);
        assert_eq!(broken, world.desynchronized);
        let dead = number(
            &mut c,
            "select count(*) from dead_letter where reason = 'bad-op'",
        )
        .await;
        assert_eq!(u64::try_from(dead).unwrap(), world.rejected);
        store.close().await;
    }
}

#[tokio::test]
async fn replaying_any_part_leaves_every_table_equal() {
    for partitions in [1, 4] {
        let dir = TempDir::new().unwrap();
        let world = World::new(11, 400, 256);
        let store = open(&dir, partitions).await;
        apply(&store, &world.entries, 40, 2).await;
        let before = dump(dir.path()).await;
        let mut random = Random(3);
        for round in 0..12 {
            let from = if round < 6 {
                0
            } else {
                usize::try_from(random.below(400)).unwrap()
            };
            let len = usize::try_from(random.below(400)).unwrap();
            let part = &world.entries[from..(from + len).min(400)];
            apply(&store, part, 1 + random.below(200), round).await;
            assert_eq!(dump(dir.path()).await, before, "{from} {len}");
        }
        let twice = world.entries.iter().chain(&world.entries).cloned();
        let again = archive(&store, twice, 9).await.unwrap();
        assert_eq!((again.commits, again.dead, again.redo), (0, 0, false));
        assert!(again.replayed > 0 && again.heads.is_empty() && again.changes.is_empty());
        assert_eq!(dump(dir.path()).await, before);
        store.close().await;
    }
}

#[tokio::test]
async fn what_was_committed_survives_a_crash_and_the_rest_comes_again() {
    for partitions in [1, 4] {
        let world = World::new(13, 300, 256);
        let whole = TempDir::new().unwrap();
        let store = open(&whole, partitions).await;
        apply(&store, &world.entries, 1, 1).await;
        store.close().await;
        let expected = dump(whole.path()).await;

        let mut dir = TempDir::new().unwrap();
        let mut random = Random(17);
        let mut at = 0;
        for _crash in 0..8 {
            let store = open(&dir, partitions).await;
            let end = (at + 1 + usize::try_from(random.below(60)).unwrap()).min(300);
            apply(&store, &world.entries[at..end], 1, 1).await;
            // What a kill leaves: the files as they are, with the log not copied back.
            let left = TempDir::new().unwrap();
            for name in ["a.db", "a.db-wal"] {
                std::fs::copy(dir.path().join(name), left.path().join(name)).unwrap();
            }
            assert!(
                std::fs::metadata(left.path().join("a.db-wal"))
                    .unwrap()
                    .len()
                    > 0
            );
            dir = left;
            // An upstream that resumes from an older cursor sends some of it again.
            at = end.saturating_sub(usize::try_from(random.below(20)).unwrap());
        }
        let store = open(&dir, partitions).await;
        apply(&store, &world.entries[at..], 1, 1).await;
        store.close().await;
        // Equal but for the first-seen time, which is the time of the run.
        let strip = |mut d: BTreeMap<String, Vec<String>>| {
            d.retain(|t, _| !["record", "repo", "dead_letter"].contains(&t.as_str()));
            d
        };
        assert_eq!(strip(dump(dir.path()).await), strip(expected));
        let store = open(&dir, partitions).await;
        assert_eq!(visible(&store).await, shown(&world));
    }
}

#[tokio::test]
async fn a_store_dropped_without_close_opens_again() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1).await;
    archive(&store, [commit(1, 1, vec![put(0, "a", 1, 256)])], 5)
        .await
        .unwrap();
    drop(store);
    let store = open(&dir, 1).await;
    assert_eq!(store.heads().await.unwrap().partitions[0].pos, 1);
}

#[tokio::test]
async fn one_batch_coalesces_to_the_last_state_of_a_record() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1).await;
    let entries = [
        commit(
            1,
            1,
            vec![
                put(0, "a", 1, 256),
                put(0, "b", 2, 256),
                put(0, "a", 3, 256),
            ],
        ),
        commit(1, 2, vec![put(0, "a", 4, 256)]),
        commit(1, 2, vec![put(0, "a", 5, 256)]),
        commit(1, 3, vec![delete(0, "b"), delete(0, "never")]),
    ];
    let archived = archive(&store, entries, 5).await.unwrap();
    assert_eq!(
        (archived.commits, archived.replayed, archived.ops),
        (3, 1, 6)
    );
    let changes: Vec<_> = archived
        .changes
        .iter()
        .map(|c| (c.pos, c.rkey.as_str()))
        .collect();
    assert_eq!(changes, [(2, "a")]);
    let uri = archived.changes[0].uri();
    let found = store.get_record(&uri).await.unwrap().unwrap();
    assert_eq!(found.cid, world::body(4, 256).0);
    assert_eq!(found.seen_us, 5);
    let rows = number(&mut sql(dir.path()).await, "select count(*) from record").await;
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn deletes_leave_tombstones_that_go_when_everyone_has_passed_them() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1).await;
    let kind = collection(0);
    let wanted = |n: &str| n == kind.as_str();
    archive(&store, [commit(1, 1, vec![put(0, "a", 1, 256)])], 10)
        .await
        .unwrap();
    archive(
        &store,
        [commit(1, 2, vec![delete(0, "a"), delete(0, "never")])],
        20,
    )
    .await
    .unwrap();
    let feed = store
        .changes_after(0, 0, &wanted, at_most(10))
        .await
        .unwrap();
    assert_eq!((feed.changes.len(), feed.through), (1, 2));
    assert!(matches!(feed.changes[0].state, ChangeState::Deleted));

    archive(
        &store,
        [commit(1, 3, vec![put(0, "a", 2, 256), put(0, "b", 3, 256)])],
        30,
    )
    .await
    .unwrap();
    let feed = store
        .changes_after(0, 2, &wanted, at_most(10))
        .await
        .unwrap();
    assert_eq!(feed.changes.len(), 2);
    assert!(
        feed.changes
            .iter()
            .all(|c| matches!(c.state, ChangeState::Live { .. }))
    );

    archive(&store, [commit(1, 4, vec![delete(0, "a")])], 40)
        .await
        .unwrap();
    let mut c = sql(dir.path()).await;
    sqlx::raw_sql("insert into position values (1, 0, 3), (2, 0, 9)")
        .execute(&mut c)
        .await
        .unwrap();
    assert_eq!(
        store.trim_tombstones(41).await.unwrap(),
        0,
        "generation 1 is not there yet"
    );
    sqlx::raw_sql("update position set pos = 4")
        .execute(&mut c)
        .await
        .unwrap();
    assert_eq!(store.trim_tombstones(40).await.unwrap(), 0, "too young");
    assert_eq!(store.trim_tombstones(41).await.unwrap(), 1);
    let feed = store
        .changes_after(0, 0, &wanted, at_most(10))
        .await
        .unwrap();
    assert_eq!((feed.changes.len(), feed.through), (1, 4));
    archive(&store, [commit(1, 5, vec![put(0, "a", 5, 256)])], 50)
        .await
        .unwrap();
    let feed = store
        .changes_after(0, 4, &wanted, at_most(10))
        .await
        .unwrap();
    assert_eq!(feed.changes.len(), 1);
}

/// Record keys of account 1 that the feed shows after `at`, and where it ends.
async fn seen_after(
    store: &SqliteStore,
    partition: Partition,
    mut at: Pos,
) -> (BTreeSet<String>, Pos) {
    let mut seen = BTreeSet::new();
    loop {
        let batch = store
            .changes_after(
                partition,
                at,
                &|n| n == collection(0).as_str(),
                at_most(300),
            )
            .await
            .unwrap();
        let mine = batch.changes.iter().filter(|c| c.did == did(1));
        seen.extend(mine.map(|c| c.rkey.to_string()));
        if batch.through == at {
            return (seen, at);
        }
        at = batch.through;
    }
}

#[tokio::test]
async fn a_status_change_hides_an_account_and_redoes_its_records() {
    const RECORDS: usize = 600;
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 4).await;
    let ops = |from: usize| {
        (from..from + 200)
            .map(|i| put(0, &format!("r{i}"), i as u64, 256))
            .collect()
    };
    let entries = [0, 200, 400].map(|from| commit(1, 1 + from as u64, ops(from)));
    archive(&store, entries, 1).await.unwrap();
    archive(&store, [commit(2, 900, vec![put(0, "other", 1, 256)])], 1)
        .await
        .unwrap();
    let partition = partition_of(&did(1), 4);
    let uri = AtUri::parse(&format!("at://{}/{}/r1", did(1), collection(0))).unwrap();
    assert!(store.get_record(&uri).await.unwrap().is_some());

    assert!(
        archive(&store, [account(1, 10, false)], 2)
            .await
            .unwrap()
            .redo
    );
    assert!(store.get_record(&uri).await.unwrap().is_none());
    let list = store
        .list_records(&did(1), &collection(0), None, false, 10)
        .await
        .unwrap();
    assert!(list.is_none());
    assert!(
        !archive(&store, [account(1, 9, true)], 3)
            .await
            .unwrap()
            .redo,
        "an old event"
    );

    let head = store.heads().await.unwrap().partitions[usize::from(partition)].pos;
    let step = store.redo_step().await.unwrap();
    assert_eq!((step.more, step.moved), (true, Some((partition, head + 1))));
    // It turns again before the redo is through: all of it has to pass once more.
    assert!(
        archive(&store, [account(1, 11, true)], 4)
            .await
            .unwrap()
            .redo
    );
    let middle = store.heads().await.unwrap().partitions[usize::from(partition)].pos;
    assert_eq!(middle, head + 1);
    while store.redo_step().await.unwrap().more {}
    let (seen, at) = seen_after(&store, partition, middle).await;
    assert_eq!(seen.len(), RECORDS);
    assert!(at > middle + 1, "several steps");
    assert!(store.get_record(&uri).await.unwrap().is_some());
    let idle = store.redo_step().await.unwrap();
    assert_eq!((idle.more, idle.moved), (false, None));
}

#[tokio::test]
async fn the_saved_cursor_is_the_lowest_mark_and_never_falls() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 4).await;
    let mark = |partition, seq| {
        (
            partition,
            Entry::Mark {
                source: source(),
                seq,
            },
        )
    };
    let unit = |entries| world::unit(entries, 1);
    store
        .archive(unit(vec![mark(0, 5), mark(1, 5), mark(2, 7)]))
        .await
        .unwrap();
    assert_eq!(store.saved_cursor(&source()).await.unwrap(), None);
    let archived = store.archive(unit(vec![mark(3, 9)])).await.unwrap();
    assert_eq!(archived.cursors, [(source(), 5)]);
    store
        .archive(unit(vec![mark(0, 8), mark(1, 8), mark(2, 1)]))
        .await
        .unwrap();
    assert_eq!(store.saved_cursor(&source()).await.unwrap(), Some(7));
    let other = Source("wss://other.example".into());
    assert_eq!(store.saved_cursor(&other).await.unwrap(), None);
    assert_eq!(
        store.heads().await.unwrap().partitions[2].marks[&source()],
        7
    );
}

#[tokio::test]
async fn a_unit_that_fails_leaves_nothing_and_its_neighbours_alone() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1).await;
    let mut entries = placed(commit(1, 1, vec![put(0, "a", 1, 256)]), 1);
    entries.push((7, commit(2, 1, vec![put(1, "b", 2, 256)])));
    let bad = world::unit(entries.clone(), 1);
    let index = IndexUnit {
        generation: 99,
        advances: Vec::new(),
        effects: Vec::new(),
        now_us: 1,
    };
    let good = || archive(&store, [commit(3, 1, vec![put(1, "c", 3, 256)])], 1);
    let (bad, index, good) = tokio::join!(store.archive(bad), store.index(Arc::new(index)), good());
    assert!(matches!(bad, Err(StoreError::Refused(_))), "{bad:?}");
    assert!(index.is_err());
    assert_eq!(good.unwrap().commits, 1);
    assert_eq!(store.heads().await.unwrap().partitions[0].pos, 1);
    // The ids that the failed unit gave out are not remembered for anything else.
    entries.pop();
    store.archive(world::unit(entries, 1)).await.unwrap();
    archive(&store, [commit(2, 1, vec![put(1, "b", 2, 256)])], 1)
        .await
        .unwrap();
    for (who, coll, rkey) in [(1, 0, "a"), (2, 1, "b"), (3, 1, "c")] {
        let uri = AtUri::parse(&format!("at://{}/{}/{rkey}", did(who), collection(coll))).unwrap();
        assert!(store.get_record(&uri).await.unwrap().is_some(), "{uri}");
    }
}

#[tokio::test]
async fn a_full_database_is_unavailable_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let world = World::new(23, 400, 3_000);
    let store = SqliteStore::open_bounded(options(&dir, 4), Some(600_000))
        .await
        .unwrap();
    let mut failures = 0;
    let mut at = 0;
    for batch in world.entries.chunks(20) {
        match archive(&store, batch.iter().cloned(), 1).await {
            Ok(_) if failures == 0 => at += batch.len(),
            Ok(_) => panic!("still full"),
            Err(StoreError::Unavailable(why)) => {
                assert!(why.contains("full"), "{why}");
                failures += 1;
                if failures == 3 {
                    break;
                }
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(failures, 3, "it filled up");
    assert!(at > 0);
    let before = dump(dir.path()).await;
    store.close().await;
    let store = open(&dir, 4).await;
    assert_eq!(dump(dir.path()).await, before);
    apply(&store, &world.entries[at..], 30, 1).await;
    assert_eq!(visible(&store).await, shown(&world));
    for (partition, head) in (0..).zip(store.heads().await.unwrap().partitions) {
        assert_eq!(head.pos, world.head(partition, 4));
    }
}

#[tokio::test]
async fn repositories_list_by_record_key_both_ways() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 1).await;
    let keys = ["3a", "3b", "A", "self", "~x", "_y"];
    let ops = keys.iter().map(|k| put(0, k, 1, 256)).collect();
    archive(&store, [commit(1, 1, ops)], 1).await.unwrap();
    let mut sorted: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
    sorted.sort();
    for reverse in [true, false] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = store
                .list_records(&did(1), &collection(0), after.as_ref(), reverse, 2)
                .await
                .unwrap()
                .unwrap();
            assert!(page.records.len() <= 2);
            seen.extend(page.records.iter().map(|r| r.rkey.to_string()));
            after = page.records.last().map(|r| r.rkey.clone());
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, sorted);
        sorted.reverse();
    }
    let nobody = store
        .list_records(&did(8), &collection(0), None, false, 2)
        .await
        .unwrap()
        .unwrap();
    assert!(nobody.records.is_empty() && !nobody.more);
}

#[tokio::test]
async fn the_number_of_partitions_is_fixed() {
    let dir = TempDir::new().unwrap();
    open(&dir, 4).await.close().await;
    let wrong = SqliteStore::open(options(&dir, 8)).await;
    let message = wrong.unwrap_err().to_string();
    assert!(message.contains('4') && message.contains('8'), "{message}");
}
