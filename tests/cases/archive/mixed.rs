//! A unit of every kind of entry: replayed from the start or to the end, as often as one likes, it changes nothing.

use std::sync::Arc;

use aviary::clock::Clock;
use aviary::entry::{BackfillMark, Entry, IdentityEvent, RejectedOp, Source, partition_of};
use aviary::index::Archiver;
use aviary::queue::{ChannelQueue, Queue};
use aviary::store::{Feed, RepoStatus, Store};
use aviary::telemetry::{Counter, Counters};
use aviary_tests::backend::{Backend, Place};
use tokio_util::sync::CancellationToken;

use super::dump;
use super::entries::{
    chunk, deleted, erase, follow, hole, keys, resynced, resyncing, stands, told,
};
use super::world::{account, archive, commit, delete, did, put, source};

fn mark(source: Source, seq: i64) -> Entry {
    Entry::Mark { source, seq }
}

fn everything() -> Vec<Entry> {
    let named = Entry::Identity(IdentityEvent {
        did: did(1),
        handle: Some("one.example".into()),
        source: source(),
        seq: 19,
    });
    let listed = Entry::Backfill(BackfillMark {
        job: "all".into(),
        cursor: Some("page".into()),
        listed: 1,
    });
    let many = (0..10).map(|i| put(2, &format!("r{i}"), i, 256)).collect();
    vec![
        commit(8, 1, many),
        commit(1, 1, vec![put(0, "a", 1, 256), put(0, "b", 2, 256)]),
        told(2, 3, put(0, "x", 3, 256)),
        told(2, 4, delete(0, "x")),
        told(2, 4, delete(0, "never")),
        hole(3, Some(2), 5, &["x.y.z/lost"]),
        hole(1, Some(9), 6, &[]),
        resyncing(1),
        chunk(1, 9, vec![put(0, "a", 4, 256), put(0, "c", 5, 256)]),
        chunk(1, 9, vec![delete(0, "b")]),
        resynced(1, 9),
        commit(1, 10, vec![put(0, "d", 6, 256), delete(0, "c")]),
        follow(4),
        resyncing(4),
        chunk(4, 7, vec![put(1, "e", 7, 256)]),
        resynced(4, 7),
        named,
        account(1, 20, false),
        account(1, 21, true),
        commit(6, 1, vec![put(0, "z", 8, 256)]),
        deleted(6, 30),
        erase(6, 30),
        commit(6, 2, vec![put(0, "y", 9, 256)]),
        commit(7, 1, vec![put(0, "q", 1, 256)]),
        deleted(7, 31),
        erase(7, 31),
        account(7, 32, true),
        resyncing(7),
        chunk(7, 5, vec![put(0, "q", 1, 256)]),
        resynced(7, 5),
        listed,
        mark(source(), 40),
        mark(Source("backfill".into()), 0),
    ]
}

async fn settle(store: &dyn Store) {
    while store.erase_step().await.unwrap().more {}
    while store.redo_step().await.unwrap().more {}
}

aviary_tests::on_both!(
    any_beginning_or_end_again_leaves_every_table_equal,
    the_archiver_erases_what_is_confirmed,
    a_nul_in_what_others_say_stops_nobody
);

async fn any_beginning_or_end_again_leaves_every_table_equal(backend: Backend) {
    let all = everything();
    for (partitions, batch) in [(1, 1), (4, 1), (1, 100), (4, 100)] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        for batch in all.chunks(batch) {
            archive(&*store, batch.iter().cloned(), 1).await.unwrap();
            settle(&*store).await;
        }
        assert_eq!(keys(&*store, 1, 0).await, ["a", "d"]);
        assert_eq!(keys(&*store, 4, 1).await, ["e"]);
        assert_eq!(keys(&*store, 7, 0).await, ["q"]);
        assert!(keys(&*store, 2, 0).await.is_empty() && keys(&*store, 6, 0).await.is_empty());
        assert_eq!(
            stands(&*store, 7).await,
            (Some(5), RepoStatus::Synchronized)
        );

        let before = dump(&place).await;
        for end in 1..=all.len() {
            let again = archive(&*store, all[..end].iter().cloned(), 2)
                .await
                .unwrap();
            assert!(!again.erase && !again.redo && again.heads.is_empty());
            assert_eq!(dump(&place).await, before, "up to {end}");
        }
        for from in 0..all.len() {
            archive(&*store, all[from..].iter().cloned(), 3)
                .await
                .unwrap();
            settle(&*store).await;
            assert_eq!(dump(&place).await, before, "from {from}");
        }
    }
}

async fn a_nul_in_what_others_say_stops_nobody(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let mut entries = vec![commit(1, 1, vec![put(0, "a", 1, 256)])];
    let Entry::Commit(mut bad) = commit(1, 2, Vec::new()) else {
        unreachable!()
    };
    bad.rejected.push(RejectedOp {
        path: "x.y.z/a\0b".into(),
        reason: "a\0reason".into(),
    });
    entries.push(Entry::Commit(bad));
    let Entry::Desync(mut broken) = hole(1, Some(9), 6, &["x.y.z/\0"]) else {
        unreachable!()
    };
    broken.reason = "a \0 hole".into();
    entries.push(Entry::Desync(broken));
    entries.push(hole(2, Some(9), 7, &["x.y.z/\0"]));
    let Entry::Account(mut status) = account(3, 8, false) else {
        unreachable!()
    };
    status.status = Some("re\0sting".into());
    entries.push(Entry::Account(status));
    entries.push(Entry::Identity(IdentityEvent {
        did: did(3),
        handle: Some("na\0me.example".into()),
        source: source(),
        seq: 9,
    }));
    entries.push(Entry::Backfill(BackfillMark {
        job: "all".into(),
        cursor: Some("pa\0ge".into()),
        listed: 1,
    }));
    let archived = archive(&*store, entries.clone(), 1).await.unwrap();
    assert_eq!((archived.commits, archived.dead), (2, 2));
    assert_eq!(stands(&*store, 1).await.1, RepoStatus::Desynchronized);
    let account = store.account(&did(3)).await.unwrap().unwrap();
    assert_eq!(account.status.as_deref(), Some("re\u{fffd}sting"));
    let again = archive(&*store, entries, 2).await.unwrap();
    assert_eq!((again.commits, again.dead), (0, 0));
}

async fn the_archiver_erases_what_is_confirmed(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(4).await;
    let heads = store.heads().await.unwrap();
    let queue: Arc<dyn Queue> = Arc::new(ChannelQueue::new());
    let counters = Arc::new(Counters::new());
    let feed = Arc::new(Feed::new(Arc::clone(&store), &heads));
    let ops = (0..600).map(|i| put(0, &format!("r{i}"), i, 256)).collect();
    let entries = [
        commit(1, 1, ops),
        deleted(1, 10),
        erase(1, 10),
        commit(1, 2, vec![put(0, "late", 1, 256)]),
    ];
    for entry in entries {
        queue.append(partition_of(&did(1), 4), entry).await.unwrap();
    }
    queue.close();
    let archiver = Archiver {
        queue,
        store: Arc::clone(&store),
        feed: Arc::clone(&feed),
        counters: Arc::clone(&counters),
        clock: Clock::system(),
    };
    archiver.run(CancellationToken::new()).await.unwrap();
    assert!(store.account(&did(1)).await.unwrap().unwrap().erased);
    assert!(keys(&*store, 1, 0).await.is_empty());
    assert_eq!(counters.get(Counter::EntriesErased), 1);
    let known = feed.heads();
    let stored: Vec<i64> = store
        .heads()
        .await
        .unwrap()
        .partitions
        .iter()
        .map(|p| p.pos)
        .collect();
    assert_eq!(known, stored, "readers know of the steps");
}
