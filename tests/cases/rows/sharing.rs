//! Many write at once: plugins beside the archive, and units of one plugin for different partitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aviary::entry::Partition;
use aviary::fault::{Class, Classify as _};
use aviary::store::{Advance, ArchiveUnit, Change, Effect, FeedLimit, IndexUnit, Store};
use aviary_tests::backend::{Backend, Place};

use super::plugin::{effect, expected};
use super::tables::{Bed, NOW_US, assert_same};
use super::world::{PARTITIONS, World, with_partition};

aviary_tests::on_both!(
    units_of_one_plugin_for_different_partitions_share_its_counts,
    plugins_follow_while_the_archive_writes,
);

/// Applies a unit, again when the database says "not now". A unit that is refused for good fails the case.
async fn apply(store: &dyn Store, unit: IndexUnit) {
    let unit = Arc::new(unit);
    loop {
        match store.index(Arc::clone(&unit)).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.class(), Class::Retry, "{error}"),
        }
    }
}

/// Applies changes of one partition, five at a time.
async fn follow(
    store: Arc<dyn Store>,
    generation: i64,
    part: Partition,
    changes: Vec<Arc<Change>>,
) {
    for (at, some) in (0..).zip(changes.chunks(5)) {
        let effects = some.iter().map(|c| (Arc::clone(c), effect(c))).collect();
        let unit = IndexUnit {
            generation,
            advances: vec![Advance {
                partition: part,
                from: at,
                to: at + 1,
            }],
            effects,
            now_us: NOW_US,
        };
        apply(&*store, unit).await;
    }
}

async fn units_of_one_plugin_for_different_partitions_share_its_counts(backend: Backend) {
    let world = World::seeded(21, 400);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    let mut tasks = Vec::new();
    for plugin in 0..bed.plugins.len() {
        let mut lanes: BTreeMap<Partition, Vec<Arc<Change>>> = BTreeMap::new();
        for change in changes.iter().filter(|c| bed.wants(plugin, c)) {
            lanes
                .entry(change.partition)
                .or_default()
                .push(Arc::clone(change));
        }
        assert_eq!(lanes.len(), usize::from(PARTITIONS), "all have something");
        let generation = bed.plugins[plugin].1.id;
        for (part, lane) in lanes {
            let store = Arc::clone(&bed.store);
            tasks.push(tokio::spawn(follow(store, generation, part, lane)));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_same(&bed.dump().await, &expected(&world), "at once");
    bed.check_counts().await;
}

/// A plugin that reads the feed to its head and stops when the archive has ended.
async fn consume(store: Arc<dyn Store>, generation: i64, collections: Vec<String>, ends: Vec<i64>) {
    let wants = |nsid: &str| collections.iter().any(|c| c == nsid);
    let limit = FeedLimit {
        changes: 9,
        bytes: 1 << 20,
    };
    let mut through = vec![0; ends.len()];
    while through != ends {
        for (part, at) in (0..).zip(through.iter_mut()) {
            let batch = store.changes_after(part, *at, &wants, limit).await.unwrap();
            if batch.through == *at {
                continue;
            }
            let effects: Vec<(Arc<Change>, Effect)> = batch
                .changes
                .iter()
                .map(|c| (Arc::clone(c), effect(c)))
                .collect();
            let advances = vec![Advance {
                partition: part,
                from: *at,
                to: batch.through,
            }];
            let unit = IndexUnit {
                generation,
                advances,
                effects,
                now_us: NOW_US,
            };
            apply(&*store, unit).await;
            *at = batch.through;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn plugins_follow_while_the_archive_writes(backend: Backend) {
    let world = World::seeded(22, 400);
    let bed = Bed::new(backend).await;
    // Where the feed will end is known from another archive of the same events.
    let ends = {
        let place = Place::new(backend).await;
        let store = place.open(PARTITIONS).await;
        archive(&*store, &world).await;
        let heads = store.heads().await.unwrap();
        heads.partitions.iter().map(|p| p.pos).collect::<Vec<i64>>()
    };
    assert!(ends.iter().all(|pos| *pos > 20), "{ends:?}");
    let mut tasks = Vec::new();
    for (manifest, generation) in &bed.plugins {
        let store = Arc::clone(&bed.store);
        let collections = manifest.collections.clone();
        tasks.push(tokio::spawn(consume(
            store,
            generation.id,
            collections,
            ends.clone(),
        )));
    }
    archive(&*bed.store, &world).await;
    for task in tasks {
        task.await.unwrap();
    }
    assert_same(&bed.dump().await, &expected(&world), "followed");
    bed.check_counts().await;
}

async fn archive(store: &dyn Store, world: &World) {
    for some in world.events.chunks(11) {
        let unit = ArchiveUnit {
            entries: Arc::new(some.iter().map(with_partition).collect()),
            now_us: NOW_US,
        };
        loop {
            match store.archive(unit.clone()).await {
                Ok(_) => break,
                Err(error) => assert_eq!(error.class(), Class::Retry, "{error}"),
            }
        }
        loop {
            match store.redo_step().await {
                Ok(step) if step.more => {}
                Ok(_) => break,
                Err(error) => assert_eq!(error.class(), Class::Retry, "{error}"),
            }
        }
    }
}
