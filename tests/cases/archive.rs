//! The archive: what a run of events leaves, whatever the batches, the replays and the crashes.

mod backfill;
mod durability;
mod entries;
mod erasing;
mod feed;
mod file;
mod hiding;
mod holes;
mod listing;
mod migrating;
mod mixed;
mod model;
mod pages;
mod replay;
mod snapshots;
mod unsure;
mod world;

use std::collections::BTreeMap;

use aviary::atproto::{AtUri, Cid};
use aviary::entry::Entry;
use aviary::store::{FeedLimit, Store};
use aviary_tests::backend::Place;

use self::world::{ACCOUNTS, COLLECTIONS, Random, World, archive, collection, did};

/// This many changes of any size.
fn at_most(changes: usize) -> FeedLimit {
    FeedLimit {
        changes,
        bytes: usize::MAX,
    }
}

/// Every row of every table, as text.
async fn dump(place: &Place) -> BTreeMap<String, Vec<String>> {
    let all = place.dump().await;
    let rows = |table: &str| {
        let named = all.iter().find(|(name, _)| name.ends_with(table));
        named.expect("a table").1.len()
    };
    assert!(
        rows("record") > 10 || rows("did") < 3,
        "the dump sees the data"
    );
    all
}

/// Applies entries in batches of random sizes up to `max`.
async fn apply(store: &dyn Store, entries: &[Entry], max: u64, seed: u64) {
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
async fn visible(store: &dyn Store) -> BTreeMap<AtUri, Cid> {
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
