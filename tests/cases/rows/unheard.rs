//! COMMIT was sent and no answer came: nobody knows what became of it but the database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aviary::clock::Clock;
use aviary::fault::{Class, Classify as _};
use aviary::store::Store;
use aviary::store::postgres::{PostgresOptions, PostgresStore};
use aviary_tests::backend::{Backend, Place};
use aviary_tests::proxy::{Cut, Proxy};
use tokio_util::sync::CancellationToken;

use super::plugin::{effect, expected};
use super::tables::{Bed, assert_same};
use super::world::{PARTITIONS, World};

/// The store behind a proxy.
async fn behind(place: &Place) -> (Arc<dyn Store>, Proxy) {
    let url = place.url();
    let (before, rest) = url.split_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let target: SocketAddr = server.parse().unwrap();
    let proxy = Proxy::start(target).await;
    let options = PostgresOptions {
        // The proxy reads along: nothing is encrypted.
        url: format!("{before}@{}/{database}?sslmode=disable", proxy.address()),
        schema: "aviary".into(),
        partitions: PARTITIONS,
        clock: Clock::system(),
    };
    let store = PostgresStore::open(options).await.unwrap();
    assert!(store.own(&CancellationToken::new()).await.unwrap());
    (Arc::new(store), proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_whose_commit_was_not_answered_is_applied_once() {
    let world = World::seeded(41, 120);
    let place = Place::new(Backend::Postgres).await;
    let (store, proxy) = behind(&place).await;
    let mut bed = Bed::with(place, store).await;
    let changes = bed.archive(&world.events).await;
    for plugin in 0..bed.plugins.len() {
        let wanted = changes.iter().filter(|c| bed.wants(plugin, c));
        let effects = wanted.map(|c| (Arc::clone(c), effect(c))).collect();
        let unit = bed.unit(plugin, effects);
        let cuts = proxy.cuts();
        proxy.cut(Cut::AfterWord(b"COMMIT".to_vec()));
        let lost = bed.store.index(Arc::clone(&unit)).await.unwrap_err();
        assert_eq!(lost.class(), Class::Retry, "{lost}");
        assert_eq!(proxy.cuts(), cuts + 1, "the cut came");

        // The database has heard it.
        let generation = unit.generation;
        let moved = format!("position where generation = {generation} and part = 0 and pos = 1");
        let started = Instant::now();
        while bed.rows_in(&moved).await == 0 {
            assert!(started.elapsed() < Duration::from_secs(60), "not committed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let again = bed.apply(plugin, unit).await.unwrap();
        assert_eq!((again.rows, again.repeated), (0, true));
    }
    assert_same(&bed.dump().await, &expected(&world), "once");
    bed.check_counts().await;
}
