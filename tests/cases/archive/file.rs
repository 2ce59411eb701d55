//! What a file of its own brings with it: a kill leaves its log, and it may be full.

use std::collections::BTreeMap;

use aviary::clock::Clock;
use aviary::store::sqlite::{SqliteOptions, SqliteStore};
use aviary::store::{Store, StoreError};
use aviary_tests::backend::Place;
use tempfile::TempDir;

use super::world::{Random, World, archive};
use super::{apply, dump, shown, visible};

const FILE: &str = "store.db";

fn options(place: &Place, partitions: u16) -> SqliteOptions {
    SqliteOptions {
        path: folder(place).join(FILE),
        partitions,
        clock: Clock::system(),
    }
}

fn folder(place: &Place) -> &std::path::Path {
    let Place::Sqlite(dir) = place else {
        panic!("a file")
    };
    dir.path()
}

async fn open(place: &Place, partitions: u16) -> SqliteStore {
    SqliteStore::open(options(place, partitions)).await.unwrap()
}

#[tokio::test]
async fn what_was_committed_survives_a_crash_and_the_rest_comes_again() {
    for partitions in [1, 4] {
        let world = World::new(13, 300, 256);
        let whole = Place::Sqlite(TempDir::new().unwrap());
        let store = open(&whole, partitions).await;
        apply(&store, &world.entries, 1, 1).await;
        store.close().await;
        let expected = dump(&whole).await;

        let mut place = Place::Sqlite(TempDir::new().unwrap());
        let mut random = Random(17);
        let mut at = 0;
        for _crash in 0..8 {
            let store = open(&place, partitions).await;
            let end = (at + 1 + usize::try_from(random.below(60)).unwrap()).min(300);
            apply(&store, &world.entries[at..end], 1, 1).await;
            // What a kill leaves: the files as they are, with the log not copied back.
            let left = TempDir::new().unwrap();
            for name in ["store.db", "store.db-wal"] {
                std::fs::copy(folder(&place).join(name), left.path().join(name)).unwrap();
            }
            assert!(
                std::fs::metadata(left.path().join("store.db-wal"))
                    .unwrap()
                    .len()
                    > 0
            );
            place = Place::Sqlite(left);
            // An upstream that resumes from an older cursor sends some of it again.
            at = end.saturating_sub(usize::try_from(random.below(20)).unwrap());
        }
        let store = open(&place, partitions).await;
        apply(&store, &world.entries[at..], 1, 1).await;
        store.close().await;
        // Equal but for the first-seen time, which is the time of the run.
        let strip = |mut d: BTreeMap<String, Vec<String>>| {
            d.retain(|t, _| !["record", "repo", "dead_letter"].contains(&t.as_str()));
            d
        };
        assert_eq!(strip(dump(&place).await), strip(expected));
        let store = open(&place, partitions).await;
        assert_eq!(visible(&store).await, shown(&world));
    }
}

#[tokio::test]
async fn a_full_database_is_unavailable_and_loses_nothing() {
    let place = Place::Sqlite(TempDir::new().unwrap());
    let world = World::new(23, 400, 3_000);
    let store = SqliteStore::open_bounded(options(&place, 4), Some(600_000))
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
    let before = dump(&place).await;
    store.close().await;
    let store = open(&place, 4).await;
    assert_eq!(dump(&place).await, before);
    apply(&store, &world.entries[at..], 30, 1).await;
    assert_eq!(visible(&store).await, shown(&world));
    for (partition, head) in (0..).zip(store.heads().await.unwrap().partitions) {
        assert_eq!(head.pos, world.head(partition, 4));
    }
}
