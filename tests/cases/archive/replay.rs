//! A run of events leaves what it says, whatever the batches and the replays.

use std::collections::{BTreeMap, BTreeSet};

use aviary::atproto::Did;
use aviary_tests::backend::{Backend, Place};

use super::world::{self, Random, World, archive, commit, delete, put, source};
use super::{apply, dump, shown, visible};

aviary_tests::on_both!(
    a_run_leaves_what_it_says_whatever_the_batches,
    replaying_any_part_leaves_every_table_equal,
    one_batch_coalesces_to_the_last_state_of_a_record
);

async fn a_run_leaves_what_it_says_whatever_the_batches(backend: Backend) {
    for (partitions, batch) in [(1, 1), (1, 50), (4, 7), (4, 1_000)] {
        let place = Place::new(backend).await;
        let world = World::new(7, 600, 256);
        let store = place.open(partitions).await;
        apply(&*store, &world.entries, batch, 1).await;

        assert!(!world.hidden.is_empty() && !world.desynchronized.is_empty() && world.rejected > 0);
        assert_eq!(visible(&*store).await, shown(&world));
        let heads = store.heads().await.unwrap();
        for (partition, head) in (0..).zip(&heads.partitions) {
            assert_eq!(head.pos, world.head(partition, partitions));
        }
        assert_eq!(
            store.saved_cursor(&source()).await.unwrap(),
            Some(world.last_mark)
        );

        let rows = place
            .texts(
                "select d.did || ' ' || r.rev || ' ' || r.state \
                 from repo r join did d on d.id = r.did_id",
            )
            .await;
        let mut revs = BTreeMap::new();
        let mut broken = BTreeSet::new();
        for row in &rows {
            let [did, rev, state] = row.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            let did = Did::parse(did).unwrap();
            if state == "1" {
                broken.insert(did.clone());
            }
            revs.insert(did, rev.to_owned());
        }
        let expected: BTreeMap<Did, String> = world
            .revs
            .iter()
            .map(|(d, r)| (d.clone(), r.to_string()))
            .collect();
        assert_eq!(revs, expected);
        assert_eq!(broken, world.desynchronized);
        let dead = place
            .number("select count(*) from dead_letter where reason = 'bad-op'")
            .await;
        assert_eq!(u64::try_from(dead).unwrap(), world.rejected);
        store.close().await;
    }
}

async fn replaying_any_part_leaves_every_table_equal(backend: Backend) {
    for partitions in [1, 4] {
        let place = Place::new(backend).await;
        let world = World::new(11, 400, 256);
        let store = place.open(partitions).await;
        apply(&*store, &world.entries, 40, 2).await;
        let before = dump(&place).await;
        let mut random = Random(3);
        for round in 0..12 {
            let from = if round < 6 {
                0
            } else {
                usize::try_from(random.below(400)).unwrap()
            };
            let len = usize::try_from(random.below(400)).unwrap();
            let part = &world.entries[from..(from + len).min(400)];
            apply(&*store, part, 1 + random.below(200), round).await;
            assert_eq!(dump(&place).await, before, "{from} {len}");
        }
        let twice = world.entries.iter().chain(&world.entries).cloned();
        let again = archive(&*store, twice, 9).await.unwrap();
        assert_eq!((again.commits, again.dead, again.redo), (0, 0, false));
        assert!(again.replayed > 0 && again.heads.is_empty() && again.changes.is_empty());
        assert_eq!(dump(&place).await, before);
        store.close().await;
    }
}

async fn one_batch_coalesces_to_the_last_state_of_a_record(backend: Backend) {
    let place = Place::new(backend).await;
    let store = place.open(1).await;
    let entries = [
        commit(
            1,
            1,
            vec![
                put(0, "a", 1, 256),
                put(0, "b", 2, 256),
                put(0, "a", 3, 256),
            ],
        ),
        commit(1, 2, vec![put(0, "a", 4, 256)]),
        commit(1, 2, vec![put(0, "a", 5, 256)]),
        commit(1, 3, vec![delete(0, "b"), delete(0, "never")]),
    ];
    let archived = archive(&*store, entries, 5).await.unwrap();
    assert_eq!(
        (archived.commits, archived.replayed, archived.ops),
        (3, 1, 6)
    );
    let changes: Vec<_> = archived
        .changes
        .iter()
        .map(|c| (c.pos, c.rkey.as_str()))
        .collect();
    assert_eq!(changes, [(2, "a")]);
    let uri = archived.changes[0].uri();
    let found = store.get_record(&uri).await.unwrap().unwrap();
    assert_eq!(found.cid, world::body(4, 256).0);
    assert_eq!(found.seen_us, 5);
    let rows = place.number("select count(*) from record").await;
    assert_eq!(rows, 1);
}
