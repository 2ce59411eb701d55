//! Other clients that write to the queue's keys: nothing of theirs is an entry, and nothing of ours goes missing unsaid.

use std::collections::BTreeMap;
use std::sync::Arc;

use aviary::queue::{Queue, QueueError};
use aviary::telemetry::Counter;
use aviary_tests::services::{self, RedisPrefix};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

use super::{Place, entry, in_time, numbers, read};

struct World {
    place: Place,
    queue: Arc<dyn Queue>,
    redis: MultiplexedConnection,
    _prefix: RedisPrefix,
}

impl World {
    /// A queue with three entries in one partition, all of them with Redis, the first one read.
    async fn new() -> Self {
        let prefix = services::redis_prefix();
        let place = Place::shared(&prefix);
        let queue: Arc<dyn Queue> = place.open(1).await;
        for n in 0..3 {
            queue.append(0, entry(n)).await.unwrap();
        }
        let mut redis = place.connect().await;
        let key = place.key(0);
        in_time("three entries", async {
            while redis.xlen::<_, usize>(&key).await.unwrap() < 4 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
        let first = read(&*queue, 1).await;
        assert_eq!(numbers(&first), BTreeMap::from([(0, vec![0])]));
        first.committed();
        Self {
            place,
            queue,
            redis,
            _prefix: prefix,
        }
    }

    /// The next read finds that entries are gone; the next epoch works all the same.
    async fn is_lost(&self, epoch: i64) {
        loop {
            match in_time("the loss", self.queue.read(8)).await {
                Err(QueueError::Lost(_)) => break,
                Ok(Some(batch)) => {
                    let ours = numbers(&batch).remove(&0).unwrap();
                    assert!(ours.iter().all(|n| (1..3).contains(n)), "{ours:?}");
                    batch.committed();
                }
                other => panic!("{other:?}"),
            }
        }
        let queue: Arc<dyn Queue> = self.place.open(epoch).await;
        queue.append(0, entry(7)).await.unwrap();
        assert_eq!(
            numbers(&read(&*queue, 8).await),
            BTreeMap::from([(0, vec![7])])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_with_an_id_of_the_clock_is_found_and_overcome() {
    let mut world = World::new().await;
    let key = world.place.key(0);
    let id: String = world.redis.xadd(key, "*", &[("e", "junk")]).await.unwrap();
    assert!(
        id.starts_with("17") || id.len() > 12,
        "an id ahead of any epoch: {id}"
    );
    world.is_lost(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_taken_out_is_missed() {
    let mut world = World::new().await;
    let taken: usize = world
        .redis
        .xdel(world.place.key(0), &["1-2"])
        .await
        .unwrap();
    assert_eq!(taken, 1);
    world.is_lost(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_is_taken_out_is_missed() {
    let mut world = World::new().await;
    let taken: usize = world
        .redis
        .xdel(world.place.key(0), &["1-2", "1-3"])
        .await
        .unwrap();
    assert_eq!(taken, 2);
    world.is_lost(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_in_the_place_of_an_entry_is_counted_and_is_no_entry() {
    let mut world = World::new().await;
    let key = world.place.key(0);
    let mut swap = redis::pipe();
    swap.atomic().del(&key).ignore();
    for id in ["1-2", "1-3"] {
        swap.xadd(&key, id, &[("e", "junk")]).ignore();
    }
    let () = swap.query_async(&mut world.redis).await.unwrap();
    world.is_lost(2).await;
    assert_eq!(world.place.counters.get(Counter::QueueJunk), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_type_is_found_and_replaced() {
    let mut world = World::new().await;
    let () = world
        .redis
        .set(world.place.key(0), "not a stream")
        .await
        .unwrap();
    in_time("the loss", world.queue.lost()).await;
    world.is_lost(2).await;
}
