//! The feed: the same from memory and from the store, from any pos and with any bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use aviary::atproto::{AtUri, Cid};
use aviary::entry::Partition;
use aviary::limits;
use aviary::store::{ChangeState, Feed, FeedLimit, Pos, Store, Wants};
use aviary_tests::backend::{Backend, Place};

use super::world::{ACCOUNTS, Random, World, archive, collection, commit, put};

type States = BTreeMap<AtUri, Option<Cid>>;

/// Reads to the head and gives the last state of each record; `None` is a tombstone.
async fn follow(
    feed: &Feed,
    partition: Partition,
    from: Pos,
    wants: Wants<'_>,
    random: &mut Random,
) -> States {
    let mut states = States::new();
    let mut at = from;
    loop {
        let limit = FeedLimit {
            changes: usize::try_from(1 + random.below(40)).unwrap(),
            bytes: usize::try_from(1 + random.below(900_000)).unwrap(),
        };
        let batch = feed.after(partition, at, wants, limit).await.unwrap();
        assert!(batch.through >= at);
        let pos: Vec<Pos> = batch.changes.iter().map(|c| c.pos).collect();
        assert!(pos.is_sorted() && pos.iter().all(|p| *p > at && *p <= batch.through));
        let several_pos = pos.first() != pos.last();
        assert!(
            batch.changes.len() <= limit.changes || !several_pos,
            "only one pos may be larger"
        );
        for change in &batch.changes {
            assert!(wants(change.collection.as_str()) && change.partition == partition);
            let cid = match &change.state {
                ChangeState::Live { cid, body, .. } => {
                    assert!(cid.matches(body));
                    Some(*cid)
                }
                ChangeState::Deleted => None,
            };
            states.insert(change.uri(), cid);
        }
        if batch.through == at {
            return states;
        }
        at = batch.through;
    }
}

async fn redo(store: &dyn Store, feed: &Feed) {
    let step = store.redo_step().await.unwrap();
    if let Some((partition, pos)) = step.moved {
        feed.void(partition, pos);
    }
}

/// Runs a world into a store and a feed, with redo steps between; returns both.
async fn run(place: &Place, partitions: u16, world: &World, seed: u64) -> (Arc<dyn Store>, Feed) {
    let store = place.open(partitions).await;
    let heads = store.heads().await.unwrap();
    let feed = Feed::new(Arc::clone(&store), &heads);
    let mut random = Random(seed);
    let mut left = &world.entries[..];
    while !left.is_empty() {
        let n = usize::try_from(1 + random.below(30))
            .unwrap()
            .min(left.len());
        let archived = archive(&*store, left[..n].iter().cloned(), 1)
            .await
            .unwrap();
        match random.below(12) {
            // A unit whose push never came: the ring must not pretend to have it.
            0 => {}
            _ => feed.push(&archived),
        }
        if random.below(4) == 0 {
            redo(&*store, &feed).await;
        }
        left = &left[n..];
    }
    // The last unit moves every partition and is pushed, so that the feed knows the heads.
    let last = (0..ACCOUNTS).map(|who| commit(who, 1 << 40, vec![put(0, "last", 1, 256)]));
    feed.push(&archive(&*store, last, 1).await.unwrap());
    (store, feed)
}

aviary_tests::on_both!(
    memory_and_store_say_the_same,
    the_ring_answers_without_the_store_and_stays_within_its_bytes
);

async fn memory_and_store_say_the_same(backend: Backend) {
    for (partitions, seed) in [(1, 1), (4, 2), (4, 3)] {
        let place = Place::new(backend).await;
        // Bodies so large that the ring lets the older half go.
        let world = World::new(seed, 700, 12_000);
        let (store, feed) = run(&place, partitions, &world, seed).await;
        let heads = store.heads().await.unwrap();
        let plain = Feed::new(Arc::clone(&store), &heads);
        let mut random = Random(seed);
        let only = collection(1);
        for partition in 0..partitions {
            let head = heads.partitions[usize::from(partition)].pos;
            assert_eq!(feed.head(partition), head);
            let mut from = 0;
            while from <= head {
                let everything = from % 2 == 0;
                let wants = |n: &str| everything || n == only.as_str();
                let ring = follow(&feed, partition, from, &wants, &mut random).await;
                let store = follow(&plain, partition, from, &wants, &mut random).await;
                assert_eq!(ring, store, "partition {partition} from {from}");
                from += 1 + i64::try_from(random.below(60)).unwrap();
            }
            let all = follow(&feed, partition, 0, &|_| true, &mut random).await;
            for (uri, cid) in all.iter().filter(|(u, _)| u.rkey.as_str() != "last") {
                assert_eq!(world.live.get(uri), cid.as_ref(), "{uri}");
            }
        }
    }
}

async fn the_ring_answers_without_the_store_and_stays_within_its_bytes(backend: Backend) {
    let place = Place::new(backend).await;
    let world = World::new(5, 700, 12_000);
    let store = place.open(1).await;
    let heads = store.heads().await.unwrap();
    let feed = Feed::new(Arc::clone(&store), &heads);
    let mut changed = feed.changed();
    let mut bytes = 0;
    for batch in world.entries.chunks(10) {
        let archived = archive(&*store, batch.iter().cloned(), 1).await.unwrap();
        bytes += archived
            .changes
            .iter()
            .map(|c| c.size_bytes())
            .sum::<usize>();
        feed.push(&archived);
    }
    assert!(
        bytes > limits::FEED_RING_BYTES_MAX,
        "the ring had to let some go"
    );
    assert!(changed.has_changed().unwrap());
    changed.mark_unchanged();
    // Closed: whatever still answers, answers from memory.
    store.close().await;
    let head = feed.head(0);
    let (mut held, mut gone) = (0, 0);
    for from in 0..head {
        match feed
            .after(0, from, &|_| true, super::at_most(usize::MAX))
            .await
        {
            Ok(batch) => {
                assert_eq!(batch.through, head);
                held = held.max(batch.changes.iter().map(|c| c.size_bytes()).sum::<usize>());
            }
            Err(_) => {
                assert_eq!(held, 0, "what is held is the end of the feed");
                gone += 1;
            }
        }
    }
    assert!(held > 0 && held <= limits::FEED_RING_BYTES_MAX && gone > 0);
}
