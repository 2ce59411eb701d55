//! Epochs: what belongs to the present life of a queue on Redis, and what of an older one is left.

use std::collections::BTreeMap;
use std::sync::Arc;

use aviary::clock::Clock;
use aviary::queue::{Queue, QueueError};
use aviary::store::Store;
use aviary::store::sqlite::{SqliteOptions, SqliteStore};
use aviary_tests::{services, stage};
use redis::AsyncCommands;

use super::{DEADLINE, PARTITIONS, Place, all_come, entry, fill, in_time, numbers, read};

#[tokio::test]
async fn a_store_numbers_epochs_and_never_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut epochs = Vec::new();
    for _ in 0..3 {
        let options = SqliteOptions {
            path: dir.path().join("a.db"),
            partitions: 1,
            clock: Clock::system(),
        };
        let store = SqliteStore::open(options).await.unwrap();
        for _ in 0..2 {
            epochs.push(store.open_epoch().await.unwrap());
        }
        store.close().await;
    }
    assert_eq!(epochs, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_committed_is_read_again() {
    let prefix = services::redis_prefix();
    let queue: Arc<dyn Queue> = Place::shared(&prefix).open(1).await;
    for n in 0..6 {
        queue.append(1, entry(n)).await.unwrap();
    }
    let mut got = 0;
    while got < 2 {
        let batch = read(&*queue, 2 - got).await;
        got += batch.entries.len();
        batch.committed();
    }
    let dropped = read(&*queue, 2).await;
    assert_eq!(numbers(&dropped)[&1][0], 2);
    // Read behind it, but not after it: a commit of this one must not skip the other.
    let behind = read(&*queue, 1).await;
    drop(dropped);
    behind.committed();
    let mut again = Vec::new();
    while again.last() != Some(&5) {
        let batch = read(&*queue, 6).await;
        again.extend(numbers(&batch).remove(&1).unwrap());
        batch.committed();
    }
    assert_eq!(again, [2, 3, 4, 5]);
    assert!(queue.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_leaves_redis_and_nothing_else_does() {
    let prefix = services::redis_prefix();
    let place = Place::shared(&prefix);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let mut redis = place.connect().await;
    for n in 0..10 {
        queue.append(0, entry(n)).await.unwrap();
    }
    let mut batches = Vec::new();
    let mut got = 0;
    while got < 10 {
        let batch = read(&*queue, 4).await;
        got += batch.entries.len();
        batches.push(batch);
    }
    // The ten, and the one that opened the epoch.
    let length: usize = redis.xlen(place.key(0)).await.unwrap();
    assert_eq!(length, 11);
    let first = batches.remove(0);
    let kept = 10 - first.entries.len();
    first.committed();
    let connection = redis.clone();
    let shrinks = |to: usize| {
        let (redis, key) = (connection.clone(), place.key(0));
        stage::until("trimmed", DEADLINE, move || {
            let (mut redis, key) = (redis.clone(), key.clone());
            async move { redis.xlen::<_, usize>(key).await.unwrap() == to }
        })
    };
    shrinks(kept).await;
    for batch in batches {
        batch.committed();
    }
    shrinks(0).await;
    // An emptied stream still knows where it ends.
    queue.append(0, entry(10)).await.unwrap();
    assert_eq!(
        numbers(&read(&*queue, 4).await),
        BTreeMap::from([(0, vec![10])])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_begins_empty() {
    let prefix = services::redis_prefix();
    let place = Place::shared(&prefix);
    let old: Arc<dyn Queue> = place.open(1).await;
    for done in fill(&old, 20) {
        done.await.unwrap().unwrap();
    }
    drop(read(&*old, 10).await);
    drop(old);
    let queue: Arc<dyn Queue> = place.open(2).await;
    let mut redis = place.connect().await;
    for partition in 0..PARTITIONS {
        let entries: Vec<(String, BTreeMap<String, String>)> =
            redis.xrange_all(place.key(partition)).await.unwrap();
        let opened = BTreeMap::from([("open".to_owned(), "1".to_owned())]);
        assert_eq!(entries, [("2-0".to_owned(), opened)]);
    }
    let filling = fill(&queue, 20);
    all_come(&*queue, 20, 64).await;
    for done in filling {
        done.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appender_of_an_older_epoch_is_refused_by_redis() {
    let prefix = services::redis_prefix();
    let place = Place::shared(&prefix);
    let zombie: Arc<dyn Queue> = place.open(1).await;
    zombie.append(0, entry(1)).await.unwrap();
    let mut read_by_zombie = 0;
    while read_by_zombie < 1 {
        read_by_zombie += read(&*zombie, 1).await.entries.len();
    }
    let queue: Arc<dyn Queue> = place.open(2).await;
    // Accepted or not, it never gets there.
    zombie.append(0, entry(100)).await.ok();
    in_time("the loss", zombie.lost()).await;
    let refused = zombie.append(0, entry(101)).await;
    assert!(matches!(refused, Err(QueueError::Lost(_))), "{refused:?}");
    assert!(matches!(zombie.read(1).await, Err(QueueError::Lost(_))));
    queue.append(0, entry(2)).await.unwrap();
    assert_eq!(
        numbers(&read(&*queue, 8).await),
        BTreeMap::from([(0, vec![2])])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_that_appends_nothing_learns_of_it_too() {
    let prefix = services::redis_prefix();
    let place = Place::shared(&prefix);
    let zombie = place.open(1).await;
    let _queue = place.open(2).await;
    in_time("the loss", zombie.lost()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_waits_for_every_partition_to_be_committed() {
    let prefix = services::redis_prefix();
    let queue: Arc<dyn Queue> = Place::shared(&prefix).open(1).await;
    queue.settle().await.unwrap();
    queue.append(0, entry(0)).await.unwrap();
    queue.append(3, entry(0)).await.unwrap();
    let settling = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.settle().await }
    });
    let mut batches = vec![read(&*queue, 1).await];
    batches.push(read(&*queue, 1).await);
    batches.pop().unwrap().committed();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!settling.is_finished(), "one partition is not committed");
    batches.pop().unwrap().committed();
    in_time("settled", settling).await.unwrap().unwrap();
}
