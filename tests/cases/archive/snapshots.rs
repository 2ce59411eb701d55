//! Snapshots, live commits and streams without commits meet in any order: the newest of each record wins.

use aviary::entry::{Entry, Trust};
use aviary::store::{ChangeState, RepoStatus};
use aviary_tests::backend::{Backend, Place};

use super::dump;
use super::entries::{
    broken, chunk, follow, held, hole, keys, records, resynced, resyncing, root, stands, state,
    told, uri,
};
use super::world::{archive, body, commit, delete, did, put, tid};

/// A snapshot at rev 7 among live commits: what is older comes before it, what is newer comes anywhere.
fn runs() -> Vec<Vec<Entry>> {
    let snapshot = [
        chunk(1, 7, vec![put(0, "kept", 1, 256), put(0, "new", 2, 256)]),
        chunk(1, 7, vec![put(0, "late", 3, 256), delete(0, "gone")]),
        resynced(1, 7),
    ];
    let newer = [
        commit(1, 8, vec![put(0, "kept", 4, 256), delete(0, "late")]),
        commit(1, 9, vec![delete(0, "never"), put(0, "gone", 5, 256)]),
    ];
    let mut runs = Vec::new();
    for first in 0..=snapshot.len() {
        for second in first..=snapshot.len() {
            let mut run = vec![
                commit(1, 5, vec![put(0, "kept", 1, 256), put(0, "gone", 6, 256)]),
                follow(1),
                resyncing(1),
            ];
            for (at, entry) in snapshot.iter().enumerate() {
                run.extend((first == at).then(|| newer[0].clone()));
                run.extend((second == at).then(|| newer[1].clone()));
                run.push(entry.clone());
            }
            run.extend((first == snapshot.len()).then(|| newer[0].clone()));
            run.extend((second == snapshot.len()).then(|| newer[1].clone()));
            runs.push(run);
        }
    }
    runs
}

aviary_tests::on_both!(
    a_snapshot_and_live_commits_leave_the_newest_of_each_record,
    a_snapshot_changes_only_what_differs,
    a_stale_snapshot_does_not_bring_back_what_a_stream_deleted,
    at_one_rev_the_better_proven_wins,
    the_end_of_a_snapshot_moves_the_chain
);

async fn a_snapshot_and_live_commits_leave_the_newest_of_each_record(backend: Backend) {
    for (number, run) in runs().into_iter().enumerate() {
        for (partitions, batch) in [(1, 1), (4, 1), (1, 100), (4, 3)] {
            let place = Place::new(backend).await;
            let store = place.open(partitions).await;
            for batch in run.chunks(batch) {
                archive(&*store, batch.iter().cloned(), 1).await.unwrap();
            }
            let found: Vec<_> = held(&*store, 1, 0)
                .await
                .into_iter()
                .map(|r| (r.rkey.to_string(), r.cid, r.rev))
                .collect();
            let expected = [("gone", 5, 9), ("kept", 4, 8), ("new", 2, 7)]
                .map(|(rkey, n, rev)| (rkey.to_owned(), body(n, 256).0, tid(rev)));
            assert_eq!(found, expected, "run {number}, batches of {batch}");
            // A live commit overtook the snapshot's end: what came between may have holes.
            let overtaken = !matches!(run.last(), Some(Entry::Commit(_)))
                || matches!(run[run.len() - 2], Entry::Resynced(_));
            let expected = if overtaken {
                RepoStatus::Desynchronized
            } else {
                RepoStatus::Synchronized
            };
            assert_eq!(
                stands(&*store, 1).await,
                (Some(9), expected),
                "run {number}"
            );
        }
    }
}

async fn a_snapshot_changes_only_what_differs(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        archive(
            &*store,
            [
                records(1, 3, Trust::Verified, vec![put(0, "same", 1, 256)]),
                told(1, 4, put(0, "upgraded", 2, 256)),
                commit(
                    1,
                    5,
                    vec![put(0, "changed", 3, 256), put(0, "absent", 4, 256)],
                ),
            ],
            10,
        )
        .await
        .unwrap();
        let ops = vec![
            put(0, "absent-too", 9, 256),
            put(0, "changed", 5, 256),
            put(0, "same", 1, 256),
            put(0, "upgraded", 2, 256),
            delete(0, "absent"),
            delete(0, "never"),
        ];
        let archived = archive(&*store, [chunk(1, 6, ops.clone())], 20)
            .await
            .unwrap();
        assert_eq!((archived.commits, archived.ops), (0, 4));
        let [step] = &archived.heads[..] else {
            panic!("{:?}", archived.heads)
        };
        assert_eq!(step.to, step.from + 1, "one pos for one entry");
        assert!(archived.changes.iter().all(|c| c.pos == step.to));
        let changed: Vec<_> = archived
            .changes
            .iter()
            .map(|c| (c.rkey.as_str(), matches!(c.state, ChangeState::Live { .. })))
            .collect();
        assert_eq!(
            changed,
            [
                ("absent-too", true),
                ("changed", true),
                ("upgraded", true),
                ("absent", false)
            ]
        );
        let upgraded = store
            .get_record(&uri(1, 0, "upgraded"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (upgraded.rev, upgraded.seen_us),
            (tid(6), 10),
            "first seen before"
        );
        let trusts: Vec<i64> = held(&*store, 1, 0).await.iter().map(|r| r.trust).collect();
        assert_eq!(trusts, [2; 4]);

        let before = dump(&place).await;
        let again = archive(&*store, [chunk(1, 6, ops)], 30).await.unwrap();
        assert!(again.ops == 0 && again.heads.is_empty() && again.changes.is_empty());
        assert_eq!(dump(&place).await, before);
    }
}

async fn a_stale_snapshot_does_not_bring_back_what_a_stream_deleted(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        let entries = [
            told(1, 3, put(0, "held", 1, 256)),
            told(1, 5, delete(0, "held")),
            told(1, 5, delete(0, "never-held")),
            told(2, 5, delete(0, "of-nobody")),
            chunk(
                1,
                4,
                vec![put(0, "held", 1, 256), put(0, "never-held", 2, 256)],
            ),
        ];
        archive(&*store, entries, 1).await.unwrap();
        assert!(keys(&*store, 1, 0).await.is_empty());
        assert!(state(&*store, 1).await.is_none(), "a stream has no chain");
        archive(&*store, [chunk(2, 4, vec![put(0, "of-nobody", 1, 256)])], 1)
            .await
            .unwrap();
        assert_eq!(
            keys(&*store, 2, 0).await,
            ["of-nobody"],
            "nothing was known of it"
        );

        let newer = chunk(1, 6, vec![put(0, "held", 1, 256)]);
        archive(&*store, [newer], 1).await.unwrap();
        assert_eq!(keys(&*store, 1, 0).await, ["held"]);
    }
}

async fn at_one_rev_the_better_proven_wins(backend: Backend) {
    use Trust::{Hashed, UnverifiedStream, Verified};
    let all = [UnverifiedStream, Hashed, Verified];
    for (first, second) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
        let place = Place::new(backend).await;
        let store = place.open(1).await;
        archive(
            &*store,
            [records(1, 5, first, vec![put(0, "a", 1, 256)])],
            1,
        )
        .await
        .unwrap();
        archive(
            &*store,
            [records(1, 5, second, vec![put(0, "a", 2, 256)])],
            1,
        )
        .await
        .unwrap();
        let held = held(&*store, 1, 0).await;
        let wins = if second > first { 2 } else { 1 };
        assert_eq!(held[0].cid, body(wins, 256).0, "{first:?}, then {second:?}");
        assert_eq!(held[0].trust, first.max(second).as_i64());
    }
}

async fn the_end_of_a_snapshot_moves_the_chain(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let store = place.open(partitions).await;
        // Of a repository that nobody has seen, too.
        archive(&*store, [resynced(1, 7)], 1).await.unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(7), RepoStatus::Synchronized)
        );
        assert_eq!(state(&*store, 1).await.unwrap().data, Some(root(7)));

        archive(&*store, [hole(1, Some(9), 1, &[]), resyncing(1)], 2)
            .await
            .unwrap();
        assert_eq!(stands(&*store, 1).await, (Some(7), RepoStatus::Resyncing));
        assert_eq!(broken(&*store, 1).await.unwrap().reason, "hole 1");

        // A commit moves the chain and heals nothing.
        archive(&*store, [commit(1, 8, vec![put(0, "a", 1, 256)])], 3)
            .await
            .unwrap();
        assert_eq!(stands(&*store, 1).await, (Some(8), RepoStatus::Resyncing));
        archive(&*store, [resynced(1, 7)], 4).await.unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(8), RepoStatus::Desynchronized)
        );
        let repo = broken(&*store, 1).await.unwrap();
        let (older, newer) = (tid(7).to_string(), tid(8).to_string());
        assert!(
            repo.reason.contains(&older) && repo.reason.contains(&newer),
            "{}",
            repo.reason
        );
        assert_eq!(repo.since_us, 2, "since it broke");

        // Not far enough for the hole at 9.
        archive(&*store, [resyncing(1), resynced(1, 8)], 5)
            .await
            .unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(8), RepoStatus::Desynchronized)
        );
        archive(&*store, [resyncing(1), resynced(1, 9)], 6)
            .await
            .unwrap();
        assert_eq!(
            stands(&*store, 1).await,
            (Some(9), RepoStatus::Synchronized)
        );
        assert!(broken(&*store, 1).await.is_none());

        // An old entry changes nothing.
        let before = dump(&place).await;
        archive(&*store, [resyncing(1), resynced(1, 8), resynced(1, 9)], 7)
            .await
            .unwrap();
        assert_eq!(dump(&place).await, before);
        let replayed = archive(&*store, [commit(1, 9, vec![put(0, "b", 1, 256)])], 8)
            .await
            .unwrap();
        assert_eq!((replayed.commits, replayed.replayed), (0, 1));
        assert_eq!(store.repo_states(&[did(5)]).await.unwrap(), [None]);
    }
}
