//! Erasures: what makes one stand, what it keeps out, and what ends it.

use aviary::entry::{Entry, IdentityEvent};
use aviary::store::{ChangeState, RepoStatus, Store};
use aviary_tests::backend::{Backend, Place};

use super::entries::{
    broken, chunk, deleted, erase, follow, hole, keys, resynced, resyncing, stands, told, uri,
};
use super::world::{account, archive, collection, commit, delete, did, put, source};
use super::{at_most, dump};

async fn erase_all(store: &dyn Store) -> usize {
    let mut steps = 0;
    loop {
        steps += 1;
        if !store.erase_step().await.unwrap().more {
            return steps;
        }
    }
}

aviary_tests::on_both!(
    records_become_tombstones_in_bounded_steps,
    only_the_last_word_of_a_source_is_confirmed,
    nothing_of_an_erased_account_is_taken,
    a_reactivated_account_begins_anew_and_stays,
    an_erasure_half_done_ends_when_the_account_is_active_again
);

async fn records_become_tombstones_in_bounded_steps(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        for from in [0, 200, 400] {
            let ops = (from..from + 200).map(|i| put(0, &format!("r{i}"), i, 256));
            archive(&*store, [commit(1, 1 + from, ops.collect())], 1)
                .await
                .unwrap();
        }
        archive(&*store, [commit(2, 900, vec![put(0, "other", 1, 256)])], 1)
            .await
            .unwrap();
        let archived = archive(&*store, [deleted(1, 10), erase(1, 10)], 2)
            .await
            .unwrap();
        assert!(archived.erase && archived.redo);
        let account = store.account(&did(1)).await.unwrap().unwrap();
        assert!(!account.erased, "not everything yet");

        let partition = aviary::entry::partition_of(&did(1), partitions);
        let before = store.heads().await.unwrap().partitions[usize::from(partition)].pos;
        let first = store.erase_step().await.unwrap();
        assert_eq!(
            (first.more, first.moved),
            (true, Some((partition, before + 1)))
        );
        assert_eq!(keys(&*store, 1, 0).await.len(), 600 - 256);
        assert_eq!(erase_all(&*store).await, 2);
        let wants = |n: &str| n == collection(0).as_str();
        let feed = store
            .changes_after(partition, before, &wants, at_most(10_000))
            .await
            .unwrap();
        let gone = feed
            .changes
            .iter()
            .filter(|c| matches!(c.state, ChangeState::Deleted));
        assert_eq!((gone.count(), feed.changes.len()), (600, 600));
        assert!(store.account(&did(1)).await.unwrap().unwrap().erased);
        assert!(
            store
                .archived_collections(&did(1))
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(keys(&*store, 2, 0).await, ["other"]);
        let idle = store.erase_step().await.unwrap();
        assert_eq!((idle.more, idle.moved), (false, None));
        let redo = store.redo_step().await.unwrap();
        assert_eq!((redo.more, redo.moved), (false, None));
    }
}

async fn only_the_last_word_of_a_source_is_confirmed(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let entries = [
        // Never told of, still active, hidden for another reason, and told again since.
        commit(1, 1, vec![put(0, "a", 1, 256)]),
        erase(1, 10),
        erase(7, 10),
        commit(2, 1, vec![put(0, "a", 1, 256)]),
        deleted(2, 10),
        account(2, 11, true),
        erase(2, 10),
        commit(3, 1, vec![put(0, "a", 1, 256)]),
        account(3, 10, false),
        erase(3, 10),
        commit(4, 1, vec![put(0, "a", 1, 256)]),
        deleted(4, 12),
        erase(4, 11),
    ];
    let archived = archive(&*store, entries, 1).await.unwrap();
    assert!(!archived.erase);
    assert_eq!(place.number("select count(*) from erased").await, 0);
    let page = store.deleted_accounts(0, 10).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].1.did, did(4));
    assert_eq!(page[0].1.origin, Some((source(), 12)));
    assert!(
        store
            .deleted_accounts(page[0].0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(archive(&*store, [erase(4, 12)], 1).await.unwrap().erase);
    assert!(store.deleted_accounts(0, 10).await.unwrap().is_empty());
}

async fn nothing_of_an_erased_account_is_taken(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        let entries = [
            commit(1, 5, vec![put(0, "a", 1, 256)]),
            hole(1, Some(9), 1, &[]),
            deleted(1, 10),
            erase(1, 10),
        ];
        archive(&*store, entries, 1).await.unwrap();
        erase_all(&*store).await;
        assert_eq!(
            stands(&*store, 1).await,
            (Some(5), RepoStatus::Synchronized)
        );
        assert!(broken(&*store, 1).await.is_none(), "nobody is to fetch it");

        let before = dump(&place).await;
        let late = [
            follow(1),
            resyncing(1),
            chunk(1, 20, vec![put(0, "a", 1, 256), put(1, "b", 2, 256)]),
            resynced(1, 20),
            commit(1, 21, vec![put(0, "c", 3, 256)]),
            told(1, 22, delete(0, "a")),
            hole(1, Some(30), 12, &["x.y.z/a"]),
            // The deletion comes again.
            deleted(1, 10),
            erase(1, 10),
        ];
        let archived = archive(&*store, late, 2).await.unwrap();
        assert_eq!((archived.erased, archived.dead, archived.ops), (7, 0, 0));
        assert!(!archived.erase && archived.heads.is_empty());
        assert_eq!(dump(&place).await, before);
        // A new handle is not kept, but its event is known.
        let named = Entry::Identity(IdentityEvent {
            did: did(1),
            handle: Some("again.example".into()),
            source: source(),
            seq: 13,
        });
        archive(&*store, [named], 3).await.unwrap();
        let handles = "select count(*) from account where handle is not null";
        assert_eq!(place.number(handles).await, 0);
    }
}

async fn a_reactivated_account_begins_anew_and_stays(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        let life = [
            commit(1, 5, vec![put(0, "old", 1, 256), put(0, "kept", 2, 256)]),
            deleted(1, 10),
            erase(1, 10),
        ];
        archive(&*store, life.clone(), 1).await.unwrap();
        erase_all(&*store).await;
        let back = account(1, 12, true);
        assert!(archive(&*store, [back.clone()], 2).await.unwrap().redo);
        assert!(!store.account(&did(1)).await.unwrap().unwrap().erased);
        assert_eq!(
            stands(&*store, 1).await,
            (Some(5), RepoStatus::Desynchronized)
        );
        assert_eq!(broken(&*store, 1).await.unwrap().reason, "reactivated");

        // It came back as it was, so its snapshot is at the same rev.
        let fresh = [
            resyncing(1),
            chunk(1, 5, vec![put(0, "kept", 2, 256)]),
            resynced(1, 5),
            commit(1, 6, vec![put(0, "new", 3, 256)]),
        ];
        archive(&*store, fresh, 3).await.unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(6), RepoStatus::Synchronized)
        );
        // The whole deletion comes again.
        let again = archive(&*store, life.into_iter().chain([back]), 4)
            .await
            .unwrap();
        assert!(!again.erase && !again.redo);
        while store.redo_step().await.unwrap().more {}
        assert_eq!(erase_all(&*store).await, 1);
        assert_eq!(keys(&*store, 1, 0).await, ["kept", "new"]);
        assert!(store.get_record(&uri(1, 0, "new")).await.unwrap().is_some());

        // A second deletion is one.
        let archived = archive(&*store, [deleted(1, 20), erase(1, 20)], 5)
            .await
            .unwrap();
        assert!(archived.erase);
        erase_all(&*store).await;
        assert!(keys(&*store, 1, 0).await.is_empty());
    }
}

async fn an_erasure_half_done_ends_when_the_account_is_active_again(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let ops = (0..600).map(|i| put(0, &format!("r{i}"), i, 256)).collect();
    archive(
        &*store,
        [commit(1, 1, ops), deleted(1, 10), erase(1, 10)],
        1,
    )
    .await
    .unwrap();
    assert!(store.erase_step().await.unwrap().more);
    archive(&*store, [account(1, 11, true)], 2).await.unwrap();
    assert!(!store.erase_step().await.unwrap().more);
    assert_eq!(keys(&*store, 1, 0).await.len(), 600 - 256);
    assert_eq!(
        stands(&*store, 1).await.1,
        RepoStatus::Desynchronized,
        "to be fetched"
    );
}
