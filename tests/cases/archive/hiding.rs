//! Records that go or are hidden pass through the feed.

use std::collections::BTreeSet;

use aviary::atproto::AtUri;
use aviary::entry::{Partition, partition_of};
use aviary::store::{ChangeState, Pos, Store};
use aviary_tests::backend::{Backend, Place};

use super::at_most;
use super::world::{account, archive, collection, commit, delete, did, put};

aviary_tests::on_both!(
    deletes_leave_tombstones_that_go_when_everyone_has_passed_them,
    a_status_change_hides_an_account_and_redoes_its_records
);

async fn deletes_leave_tombstones_that_go_when_everyone_has_passed_them(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let kind = collection(0);
    let wanted = |n: &str| n == kind.as_str();
    archive(&*store, [commit(1, 1, vec![put(0, "a", 1, 256)])], 10)
        .await
        .unwrap();
    archive(
        &*store,
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
        &*store,
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

    archive(&*store, [commit(1, 4, vec![delete(0, "a")])], 40)
        .await
        .unwrap();
    place
        .execute("insert into position values (1, 0, 3), (2, 0, 9)")
        .await;
    assert_eq!(
        store.trim_tombstones(41).await.unwrap(),
        0,
        "generation 1 is not there yet"
    );
    place.execute("update position set pos = 4").await;
    assert_eq!(store.trim_tombstones(40).await.unwrap(), 0, "too young");
    assert_eq!(store.trim_tombstones(41).await.unwrap(), 1);
    let feed = store
        .changes_after(0, 0, &wanted, at_most(10))
        .await
        .unwrap();
    assert_eq!((feed.changes.len(), feed.through), (1, 4));
    archive(&*store, [commit(1, 5, vec![put(0, "a", 5, 256)])], 50)
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
    store: &dyn Store,
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

async fn a_status_change_hides_an_account_and_redoes_its_records(backend: Backend) {
    const RECORDS: usize = 600;
    let place = Place::new(backend).await;
    let store = place.open(4).await;
    let ops = |from: usize| {
        (from..from + 200)
            .map(|i| put(0, &format!("r{i}"), i as u64, 256))
            .collect()
    };
    let entries = [0, 200, 400].map(|from| commit(1, 1 + from as u64, ops(from)));
    archive(&*store, entries, 1).await.unwrap();
    archive(&*store, [commit(2, 900, vec![put(0, "other", 1, 256)])], 1)
        .await
        .unwrap();
    let partition = partition_of(&did(1), 4);
    let uri = AtUri::parse(&format!("at://{}/{}/r1", did(1), collection(0))).unwrap();
    assert!(store.get_record(&uri).await.unwrap().is_some());

    assert!(
        archive(&*store, [account(1, 10, false)], 2)
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
        !archive(&*store, [account(1, 9, true)], 3)
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
        archive(&*store, [account(1, 11, true)], 4)
            .await
            .unwrap()
            .redo
    );
    let middle = store.heads().await.unwrap().partitions[usize::from(partition)].pos;
    assert_eq!(middle, head + 1);
    while store.redo_step().await.unwrap().more {}
    let (seen, at) = seen_after(&*store, partition, middle).await;
    assert_eq!(seen.len(), RECORDS);
    assert!(at > middle + 1, "several steps");
    assert!(store.get_record(&uri).await.unwrap().is_some());
    let idle = store.redo_step().await.unwrap();
    assert_eq!((idle.more, idle.moved), (false, None));
}
