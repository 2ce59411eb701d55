//! A commit that gave no answer: it was made, nobody knows it, and the unit comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aviary::clock::Clock;
use aviary::entry::Entry;
use aviary::index::Archiver;
use aviary::queue::{ChannelQueue, Queue};
use aviary::store::partial::{Partial, PartialStore};
use aviary::store::{ArchiveUnit, Archived, Feed, Heads, RedoStep, Store, StoreError};
use aviary::telemetry::Counters;
use aviary_tests::stage::until;
use aviary_tests::{Backend, Place};
use tokio_util::sync::CancellationToken;

use super::entries::keys;
use super::world::{account, archive, commit, put};

aviary_tests::on_both!(
    a_unit_without_an_answer_is_absorbed_and_told_of,
    units_at_once_leave_no_gap
);

struct Shared(Arc<Unsure>);

/// A store whose every first answer is lost, after the work is done.
struct Unsure {
    inner: Arc<dyn Store>,
    archives: AtomicU32,
    redos: AtomicU32,
    erasures: AtomicU32,
}

fn lost<T>(answer: T, tries: &AtomicU32) -> Result<T, StoreError> {
    if tries.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
        return Err(StoreError::Unavailable("no answer to commit".into()));
    }
    Ok(answer)
}

#[async_trait]
impl PartialStore for Shared {
    async fn heads(&self) -> Result<Heads, StoreError> {
        self.0.inner.heads().await
    }

    async fn archive(&self, unit: ArchiveUnit) -> Result<Archived, StoreError> {
        lost(self.0.inner.archive(unit).await?, &self.0.archives)
    }

    async fn redo_step(&self) -> Result<RedoStep, StoreError> {
        lost(self.0.inner.redo_step().await?, &self.0.redos)
    }

    async fn erase_step(&self) -> Result<RedoStep, StoreError> {
        lost(self.0.inner.erase_step().await?, &self.0.erasures)
    }
}

async fn a_unit_without_an_answer_is_absorbed_and_told_of(backend: Backend) {
    let place = Place::new(backend).await;
    let inner = place.open(1).await;
    let unsure = Arc::new(Unsure {
        inner: Arc::clone(&inner),
        archives: AtomicU32::new(0),
        redos: AtomicU32::new(0),
        erasures: AtomicU32::new(0),
    });
    let store: Arc<dyn Store> = Arc::new(Partial(Shared(Arc::clone(&unsure))));
    let heads = store.heads().await.unwrap();
    let feed = Arc::new(Feed::new(Arc::clone(&store), &heads));
    let queue: Arc<dyn Queue> = Arc::new(ChannelQueue::new());
    let archiver = Archiver {
        queue: Arc::clone(&queue),
        store,
        feed: Arc::clone(&feed),
        counters: Arc::new(Counters::new()),
        clock: Clock::system(),
    };
    let running = tokio::spawn(archiver.run(CancellationToken::new()));
    let most = Duration::from_secs(60);
    // Nothing is left of an earlier run: from now on a redo is done only when a unit asks for it.
    until("it is idle", most, async || {
        unsure.redos.load(Ordering::SeqCst) >= 2 && unsure.erasures.load(Ordering::SeqCst) >= 2
    })
    .await;
    for entry in [
        commit(1, 1, vec![put(0, "a", 1, 256), put(0, "b", 2, 256)]),
        account(1, 5, false),
    ] {
        let tries = unsure.archives.load(Ordering::SeqCst);
        queue.append(0, entry).await.unwrap();
        until("it came again", most, async || {
            unsure.archives.load(Ordering::SeqCst) >= tries + 2
        })
        .await;
    }
    until("the redo is done", most, async || {
        place.number("select count(*) from redo").await == 0
    })
    .await;
    let stored = inner.heads().await.unwrap().partitions[0].pos;
    assert_eq!(stored, 2, "the commit, and its redo");
    until("readers know", most, async || feed.head(0) == stored).await;
    assert_eq!(keys(&*inner, 1, 0).await, ["a", "b"]);
    queue.close();
    running.await.unwrap().unwrap();
}

/// Archives until the store takes it: two units that wait for each other are no failure, one of them comes again.
async fn archive_all(store: &dyn Store, entries: Vec<Entry>) -> Archived {
    loop {
        match archive(store, entries.iter().cloned(), 1).await {
            Ok(archived) => return archived,
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn units_at_once_leave_no_gap(backend: Backend) {
    const TASKS: u64 = 6;
    const UNITS: u64 = 12;
    const ACCOUNTS: u64 = 8;
    let place = Place::new(backend).await;
    let store = place.open(4).await;
    let task = async |task: u64| {
        let mut pos = Vec::new();
        for rev in 1..=UNITS {
            let own = (0..ACCOUNTS).map(|who| task * ACCOUNTS + who);
            let key = format!("r{rev}");
            let entries = own.map(|who| commit(who, rev, vec![put(who % 3, &key, who, 256)]));
            let archived = archive_all(&*store, entries.collect()).await;
            pos.extend(archived.changes.iter().map(|c| (c.partition, c.pos)));
        }
        pos
    };
    let tasks = futures_util::future::join_all((0..TASKS).map(task)).await;
    let mut given: Vec<(u16, i64)> = tasks.into_iter().flatten().collect();
    given.sort_unstable();
    let heads = store.heads().await.unwrap();
    let dense = (0..).zip(&heads.partitions);
    let dense: Vec<(u16, i64)> = dense
        .flat_map(|(part, head)| (1..=head.pos).map(move |pos| (part, pos)))
        .collect();
    assert_eq!(given, dense, "each pos is one commit's");
    assert_eq!(dense.len() as u64, TASKS * UNITS * ACCOUNTS);
    let records = "select count(*) from record where cid is not null";
    let expected = i64::try_from(TASKS * UNITS * ACCOUNTS).unwrap();
    assert_eq!(place.number(records).await, expected);
}
