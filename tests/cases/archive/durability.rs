//! What was committed stays, what failed leaves nothing, and the cursor says which.

use std::sync::Arc;

use aviary::atproto::AtUri;
use aviary::entry::{Entry, Source};
use aviary::store::{IndexUnit, StoreError};
use aviary_tests::backend::{Backend, Place};

use super::world::{self, archive, collection, commit, did, placed, put, source};

aviary_tests::on_both!(
    a_store_dropped_without_close_opens_again,
    the_saved_cursor_is_the_lowest_mark_and_never_falls,
    a_unit_that_fails_leaves_nothing_and_its_neighbours_alone,
    the_number_of_partitions_is_fixed
);

async fn a_store_dropped_without_close_opens_again(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    archive(&*store, [commit(1, 1, vec![put(0, "a", 1, 256)])], 5)
        .await
        .unwrap();
    drop(store);
    let store = place.open(1).await;
    assert_eq!(store.heads().await.unwrap().partitions[0].pos, 1);
}

async fn the_saved_cursor_is_the_lowest_mark_and_never_falls(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(4).await;
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

async fn a_unit_that_fails_leaves_nothing_and_its_neighbours_alone(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let mut entries = placed(commit(1, 1, vec![put(0, "a", 1, 256)]), 1);
    entries.push((7, commit(2, 1, vec![put(1, "b", 2, 256)])));
    let bad = world::unit(entries.clone(), 1);
    let index = IndexUnit {
        generation: 99,
        advances: Vec::new(),
        effects: Vec::new(),
        now_us: 1,
    };
    let good = || archive(&*store, [commit(3, 1, vec![put(1, "c", 3, 256)])], 1);
    let (bad, index, good) = tokio::join!(store.archive(bad), store.index(Arc::new(index)), good());
    assert!(matches!(bad, Err(StoreError::Refused(_))), "{bad:?}");
    assert!(index.is_err());
    assert_eq!(good.unwrap().commits, 1);
    assert_eq!(store.heads().await.unwrap().partitions[0].pos, 1);
    // The ids that the failed unit gave out are not remembered for anything else.
    entries.pop();
    store.archive(world::unit(entries, 1)).await.unwrap();
    archive(&*store, [commit(2, 1, vec![put(1, "b", 2, 256)])], 1)
        .await
        .unwrap();
    for (who, coll, rkey) in [(1, 0, "a"), (2, 1, "b"), (3, 1, "c")] {
        let uri = AtUri::parse(&format!("at://{}/{}/{rkey}", did(who), collection(coll))).unwrap();
        assert!(store.get_record(&uri).await.unwrap().is_some(), "{uri}");
    }
}

async fn the_number_of_partitions_is_fixed(backend: Backend) {
    let place = Place::new(backend).await;
    place.open(4).await.close().await;
    let Err(wrong) = place.try_open(8).await else {
        panic!("opened")
    };
    let message = wrong.to_string();
    assert!(message.contains('4') && message.contains('8'), "{message}");
}
