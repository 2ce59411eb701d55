//! Holes: what they mark, what they lose, and who follows.

use aviary::entry::Entry;
use aviary::store::RepoStatus;
use aviary_tests::backend::{Backend, Place};

use super::dump;
use super::entries::{broken, follow, hole, resynced, resyncing, stands, state};
use super::world::{archive, commit, did, put, source};

aviary_tests::on_both!(
    a_hole_nobody_follows_becomes_dead_letters_once,
    a_hole_in_what_is_followed_loses_nothing_to_letters,
    following_begins_without_a_rev_and_asks_again,
    a_hole_met_while_fetching_is_not_closed_by_that_fetch,
    only_what_is_followed_and_broken_is_fetched
);

async fn a_hole_nobody_follows_becomes_dead_letters_once(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        let lost = hole(1, Some(3), 10, &["x.y.z/a", "x.y.z/b", "x.y.z/a"]);
        let archived = archive(&*store, [lost.clone(), hole(1, None, 11, &[])], 5)
            .await
            .unwrap();
        assert_eq!(archived.dead, 2);
        assert!(archived.heads.is_empty());
        let mut subjects: Vec<_> = store
            .dead_letters(0, 10)
            .await
            .unwrap()
            .into_iter()
            .map(|l| (l.subject, l.pos, l.detail))
            .collect();
        subjects.sort();
        let expected = ["a", "b"].map(|key| {
            let subject = format!("at://{}/x.y.z/{key}", did(1));
            (subject, 0, "unreadable".to_owned())
        });
        assert_eq!(subjects, expected);
        assert!(state(&*store, 1).await.is_none());
        let dids = place.number("select count(*) from did").await;
        assert_eq!(dids, 0, "an account that nothing is kept of has no id");

        let before = dump(&place).await;
        let again = archive(&*store, [lost.clone()], 6).await.unwrap();
        assert_eq!(again.dead, 0, "replayed before its mark");
        assert_eq!(dump(&place).await, before);

        let mark = Entry::Mark {
            source: source(),
            seq: 11,
        };
        let late = hole(2, None, 11, &["x.y.z/c"]);
        let again = archive(&*store, [mark, late, lost], 7).await.unwrap();
        assert_eq!(again.dead, 0, "replayed behind its mark");
    }
}

async fn a_hole_in_what_is_followed_loses_nothing_to_letters(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let entries = [
        commit(1, 5, vec![put(0, "a", 1, 256)]),
        hole(1, Some(5), 1, &["x.y.z/a"]),
    ];
    let archived = archive(&*store, entries, 1).await.unwrap();
    assert_eq!(archived.dead, 0);
    assert_eq!(
        stands(&*store, 1).await,
        (Some(5), RepoStatus::Synchronized),
        "it has that rev"
    );
    let archived = archive(&*store, [hole(1, Some(6), 2, &["x.y.z/a"])], 2)
        .await
        .unwrap();
    assert_eq!(archived.dead, 0);
    assert_eq!(
        stands(&*store, 1).await,
        (Some(5), RepoStatus::Desynchronized)
    );
}

async fn following_begins_without_a_rev_and_asks_again(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        archive(&*store, [follow(1)], 1).await.unwrap();
        assert_eq!(stands(&*store, 1).await, (None, RepoStatus::Desynchronized));
        let repo = broken(&*store, 1).await.unwrap();
        assert_eq!((repo.reason.as_str(), repo.rev), ("backfill", None));
        assert_eq!(store.followed(0, 9).await.unwrap()[0].1, did(1));

        archive(&*store, [resynced(1, 5)], 2).await.unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(5), RepoStatus::Synchronized)
        );
        archive(&*store, [follow(1)], 3).await.unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(5), RepoStatus::Desynchronized)
        );
        let counts = store.repo_counts().await.unwrap();
        assert_eq!(
            (counts.synchronized, counts.desynchronized, counts.resyncing),
            (0, 1, 0)
        );
    }
}

async fn a_hole_met_while_fetching_is_not_closed_by_that_fetch(backend: Backend) {
    for (rev, fetched, enough) in [
        (None, 20, false),
        (Some(15), 20, true),
        (Some(25), 20, false),
    ] {
        let place = Place::new(backend).await;
        let store = place.open(1).await;
        let entries = [
            commit(1, 5, vec![put(0, "a", 1, 256)]),
            hole(1, None, 1, &[]),
            hole(1, None, 2, &[]),
            resyncing(1),
        ];
        for entry in entries {
            archive(&*store, [entry], 1).await.unwrap();
        }
        assert_eq!(
            broken(&*store, 1).await.unwrap().reason,
            "hole 1",
            "the first reason stays"
        );
        archive(&*store, [hole(1, rev, 3, &[])], 2).await.unwrap();
        assert_eq!(stands(&*store, 1).await.1, RepoStatus::Desynchronized);
        let reason = broken(&*store, 1).await.unwrap().reason;
        assert_eq!(reason, "hole 3", "why the fetch under way failed");

        archive(&*store, [resynced(1, fetched)], 3).await.unwrap();
        let expected = if enough {
            RepoStatus::Synchronized
        } else {
            RepoStatus::Desynchronized
        };
        assert_eq!(
            stands(&*store, 1).await,
            (Some(fetched), expected),
            "{rev:?}"
        );
        // A fetch that begins after it closes it.
        archive(&*store, [resyncing(1), resynced(1, 25)], 4)
            .await
            .unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(25), RepoStatus::Synchronized)
        );
    }
}

async fn only_what_is_followed_and_broken_is_fetched(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let entries = [
        commit(1, 5, vec![put(0, "a", 1, 256)]),
        resyncing(1),
        resyncing(2),
    ];
    archive(&*store, entries, 1).await.unwrap();
    assert_eq!(stands(&*store, 1).await.1, RepoStatus::Synchronized);
    assert!(state(&*store, 2).await.is_none());
    // A quiet commit is the chain entry of what is out of scope.
    archive(&*store, [commit(1, 6, vec![]), commit(2, 6, vec![])], 1)
        .await
        .unwrap();
    assert_eq!(stands(&*store, 1).await.0, Some(6));
    assert!(state(&*store, 2).await.is_none());
}
