//! What was committed stays, what failed leaves nothing, and the cursor says which.

use std::collections::BTreeMap;
use std::sync::Arc;

use aviary::atproto::AtUri;
use aviary::entry::{Entry, Source};
use aviary::store::sqlite::SqliteStore;
use aviary::store::{IndexUnit, Store, StoreError};
use tempfile::TempDir;

use super::world::{self, Random, World, archive, collection, commit, did, placed, put, source};
use super::{apply, dump, open, options, shown, visible};

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
async fn the_number_of_partitions_is_fixed() {
    let dir = TempDir::new().unwrap();
    open(&dir, 4).await.close().await;
    let wrong = SqliteStore::open(options(&dir, 8)).await;
    let message = wrong.unwrap_err().to_string();
    assert!(message.contains('4') && message.contains('8'), "{message}");
}
