//! The laws: any split gives equal tables, counts are GROUP BY, replays change nothing, hidden is invisible.

use std::collections::BTreeMap;
use std::sync::Arc;

use aviary::store::{Change, ChangeState, Effect, StoreError};
use aviary_tests::backend::Backend;

use super::plugin::{effect, expected};
use super::tables::{Bed, assert_same};
use super::world::{Dice, Said, World, did};

aviary_tests::on_both!(
    any_split_gives_the_tables_of_the_law,
    deleting_everything_leaves_nothing,
    index_delete_index_is_index,
    a_replayed_unit_is_refused_and_changes_nothing,
    a_unit_that_was_committed_unheard_is_not_applied_again,
    the_last_state_of_a_record_counts,
    hidden_accounts_show_nowhere_at_once_and_are_gone_when_the_feed_has_passed,
);

/// How a run cuts the same events.
struct Split {
    /// Events archived before each look at the feed.
    events: usize,
    /// Changes in a unit.
    changes: usize,
    /// Whether accounts are mixed; each account's changes stay in order.
    shuffled: bool,
}

const SPLITS: [Split; 5] = [
    Split {
        events: 1,
        changes: 1,
        shuffled: false,
    },
    Split {
        events: 13,
        changes: 7,
        shuffled: false,
    },
    Split {
        events: 29,
        changes: 7,
        shuffled: true,
    },
    Split {
        events: 120,
        changes: 256,
        shuffled: true,
    },
    Split {
        events: 100_000,
        changes: 256,
        shuffled: false,
    },
];

async fn run(bed: &mut Bed, world: &World, from: usize, split: &Split, seed: u64) {
    let mut dice = Dice(seed);
    for events in world.events[from..].chunks(split.events) {
        let mut changes = bed.archive(events).await;
        if split.shuffled {
            changes = shuffle(changes, &mut dice);
        }
        for plugin in 0..bed.plugins.len() {
            let wanted: Vec<Arc<Change>> = changes
                .iter()
                .filter(|c| bed.wants(plugin, c))
                .cloned()
                .collect();
            for part in wanted.chunks(split.changes) {
                let effects = part.iter().map(|c| (Arc::clone(c), effect(c))).collect();
                let unit = bed.unit(plugin, effects);
                bed.apply(plugin, unit).await.unwrap();
                if split.changes == 7 {
                    bed.check_counts().await;
                }
            }
        }
    }
}

/// Mixes accounts and keeps the order inside each.
fn shuffle(changes: Vec<Arc<Change>>, dice: &mut Dice) -> Vec<Arc<Change>> {
    let mut lanes: BTreeMap<i64, Vec<Arc<Change>>> = BTreeMap::new();
    for change in changes.into_iter().rev() {
        lanes.entry(change.did_id).or_default().push(change);
    }
    let mut lanes: Vec<Vec<Arc<Change>>> = lanes.into_values().collect();
    let mut mixed = Vec::new();
    while !lanes.is_empty() {
        let at = usize::try_from(dice.below(lanes.len() as u64)).unwrap();
        mixed.extend(lanes[at].pop());
        if lanes[at].is_empty() {
            lanes.swap_remove(at);
        }
    }
    mixed
}

async fn any_split_gives_the_tables_of_the_law(backend: Backend) {
    for seed in [1, 2] {
        let world = World::seeded(seed, 260);
        let wanted = expected(&world);
        // The world is worth looking at: losers, dead letters and hidden accounts are in it.
        assert!(wanted["likes.liked"].iter().any(|l| l.ends_with(" 0")));
        assert!(
            wanted
                .iter()
                .any(|(t, l)| t.ends_with("dead_letter") && l.len() > 2)
        );
        assert!(wanted.values().all(|lines| !lines.is_empty()), "{wanted:?}");
        assert!(!world.hidden.is_empty());
        for (at, split) in SPLITS.iter().enumerate() {
            let mut bed = Bed::new(backend).await;
            run(&mut bed, &world, 0, split, seed).await;
            assert_same(
                &bed.dump().await,
                &wanted,
                &format!("seed {seed}, split {at}"),
            );
            bed.check_counts().await;
        }
    }
}

async fn deleting_everything_leaves_nothing(backend: Backend) {
    let mut world = World::seeded(3, 150);
    let mut bed = Bed::new(backend).await;
    run(&mut bed, &world, 0, &SPLITS[1], 3).await;
    assert_same(&bed.dump().await, &expected(&world), "before");
    let before = world.events.len();
    world.delete_all();
    assert!(world.events.len() > before + 20);
    run(&mut bed, &world, before, &SPLITS[3], 3).await;
    let left = bed.dump().await;
    assert!(left.values().all(Vec::is_empty), "{left:?}");
}

async fn index_delete_index_is_index(backend: Backend) {
    let world = World::seeded(4, 150);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    for plugin in 0..bed.plugins.len() {
        let wanted: Vec<&Arc<Change>> = changes.iter().filter(|c| bed.wants(plugin, c)).collect();
        let live: Vec<(Arc<Change>, Effect)> =
            wanted.iter().map(|c| (Arc::clone(c), effect(c))).collect();
        let gone: Vec<(Arc<Change>, Effect)> = wanted
            .iter()
            .map(|c| {
                let ids = (c.record_id, c.did_id);
                let gone = Change::new((c.partition, c.pos), ids, c.uri(), ChangeState::Deleted);
                (Arc::new(gone), Effect::Nothing)
            })
            .collect();
        let unit = bed.unit(plugin, live.clone());
        bed.apply(plugin, unit).await.unwrap();
        let once = bed.dump().await;
        let unit = bed.unit(plugin, gone);
        bed.apply(plugin, unit).await.unwrap();
        assert_ne!(bed.dump().await, once);
        let unit = bed.unit(plugin, live.clone());
        bed.apply(plugin, unit).await.unwrap();
        assert_same(&bed.dump().await, &once, "again");
        // And the same once more without a delete between.
        let unit = bed.unit(plugin, live);
        bed.apply(plugin, unit).await.unwrap();
        assert_same(&bed.dump().await, &once, "twice");
    }
    assert_same(&bed.dump().await, &expected(&world), "in the end");
}

async fn a_replayed_unit_is_refused_and_changes_nothing(backend: Backend) {
    let mut world = World::seeded(5, 60);
    let mut bed = Bed::new(backend).await;
    let first = bed.archive(&world.events).await;
    let likes: Vec<(Arc<Change>, Effect)> = first
        .iter()
        .filter(|c| bed.wants(2, c))
        .map(|c| (Arc::clone(c), effect(c)))
        .collect();
    let unit = bed.unit(2, likes);
    bed.apply(2, Arc::clone(&unit)).await.unwrap();
    let before = world.events.len();
    world.delete_all();
    run(&mut bed, &world, before, &SPLITS[4], 5).await;
    let now = bed.dump().await;
    let positions = bed.store.positions(bed.plugins[2].1.id).await.unwrap();
    let refused = bed.store.index(unit).await.unwrap_err();
    assert!(
        matches!(
            &refused,
            StoreError::PositionMoved {
                partition: 0,
                expected: 0,
                found: 2,
                ..
            }
        ),
        "{refused}"
    );
    assert_same(&bed.dump().await, &now, "after the replay");
    assert_eq!(
        bed.store.positions(bed.plugins[2].1.id).await.unwrap(),
        positions
    );
}

/// COMMIT was done and its answer got lost: the unit comes again while the positions stand at its end.
async fn a_unit_that_was_committed_unheard_is_not_applied_again(backend: Backend) {
    let world = World::seeded(7, 60);
    let mut bed = Bed::new(backend).await;
    let changes = bed.archive(&world.events).await;
    for plugin in 0..bed.plugins.len() {
        let effects: Vec<_> = changes
            .iter()
            .filter(|c| bed.wants(plugin, c))
            .map(|c| (Arc::clone(c), effect(c)))
            .collect();
        let unit = bed.unit(plugin, effects);
        let first = bed.apply(plugin, Arc::clone(&unit)).await.unwrap();
        assert!(first.rows > 0 && !first.repeated, "{first:?}");
        let again = bed.store.index(unit).await.unwrap();
        assert_eq!((again.rows, again.dead, again.repeated), (0, 0, true));
        // Of two steps one is done: that is nobody's lost answer.
        let half = aviary::store::Advance {
            partition: 1,
            from: 0,
            to: 1,
        };
        let mut moved = (*bed.unit(plugin, Vec::new())).clone();
        moved.advances[0].from -= 1;
        moved.advances[0].to -= 1;
        moved.advances.push(half);
        let refused = bed.store.index(Arc::new(moved)).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::PositionMoved { .. }),
            "{refused}"
        );
    }
    assert_same(&bed.dump().await, &expected(&world), "repeated");
}

/// Of a record that stands twice in a unit the later state counts, whatever a caller promised.
async fn the_last_state_of_a_record_counts(backend: Backend) {
    let mut world = World::default();
    let like = |text: &str| Said {
        text: text.into(),
        subject: Some("at://did:web:a0.example/test.rows.post/r0".into()),
        ..Said::default()
    };
    let mut bed = Bed::new(backend).await;
    let mut effects = Vec::new();
    for text in ["old", "new"] {
        let before = world.events.len();
        world.commit(
            &did(1),
            vec![("test.rows.like", "r".into(), Some(like(text)))],
        );
        for change in bed.archive(&world.events[before..]).await {
            let made = effect(&change);
            effects.push((change, made));
        }
    }
    assert_eq!(effects.len(), 2);
    let unit = bed.unit(2, effects);
    bed.apply(2, unit).await.unwrap();
    assert_same(&bed.dump().await, &expected(&world), "twice in a unit");
}

/// A world in which everybody says something, and something about account 0.
fn about_account_0(seed: u64) -> World {
    let mut world = World::seeded(seed, 200);
    let post = Some("at://did:web:a0.example/test.rows.post/r0".to_owned());
    let said = Said {
        text: "red".into(),
        tags: vec!["x".into()],
        reply: post.clone(),
        about: Some(did(0).to_string()),
        subject: post,
        ..Said::default()
    };
    for n in 0..9 {
        world.account(&did(n), true);
        for collection in ["test.rows.post", "test.rows.tags", "test.rows.like"] {
            world.commit(
                &did(n),
                vec![(collection, "all".into(), Some(said.clone()))],
            );
        }
    }
    world
}

/// Each relation with a column that may refer to a hidden account: there is something to hide, and it is hidden.
async fn check_hidden(bed: &Bed) {
    let hidden = "(select did_id from hidden)";
    let refers = "(select id from record where did_id in (select did_id from hidden))";
    for (plugin, table, column, of) in [
        (0, "post", "_d", hidden),
        (0, "post", "reply", refers),
        (1, "tag", "_d", hidden),
        (1, "tag", "about", hidden),
        (2, "liked", "_d", hidden),
        (2, "liked", "subject", refers),
        (0, "by_reply", "reply", refers),
        (1, "by_about", "about", hidden),
        (2, "by_subject", "subject", refers),
        (2, "by_liker", "_d", hidden),
    ] {
        let g = bed.plugins[plugin].1.id;
        let stored = format!("{} where {column} in {of}", bed.place.table(g, table));
        assert!(
            bed.rows_in(&stored).await > 0,
            "{stored} has nothing to hide"
        );
        let view = bed.place.view(g, table);
        let shown = format!("{view} where {column} in {of}");
        assert_eq!(bed.rows_in(&shown).await, 0, "{shown}");
        assert!(bed.rows_in(&view).await > 0, "{view} hides everybody");
    }
    for view in ["host_record_v", "host_account_v"] {
        assert_eq!(
            bed.rows_in(&format!("{view} where _d in {hidden}")).await,
            0
        );
        assert!(bed.rows_in(view).await > 0, "{view} hides everybody");
    }
}

async fn hidden_accounts_show_nowhere_at_once_and_are_gone_when_the_feed_has_passed(
    backend: Backend,
) {
    let mut world = about_account_0(6);
    let mut bed = Bed::new(backend).await;
    run(&mut bed, &world, 0, &SPLITS[4], 6).await;
    let before = world.events.len();
    world.account(&did(0), false);
    let changes = bed.archive(&world.events[before..]).await;
    check_hidden(&bed).await;
    // The feed brings the account's records again: whatever a plugin says of them, they own nothing.
    assert!(!changes.is_empty());
    for plugin in 0..bed.plugins.len() {
        let effects: Vec<_> = changes
            .iter()
            .filter(|c| bed.wants(plugin, c))
            .map(|c| (Arc::clone(c), effect(c)))
            .collect();
        assert!(effects.iter().any(|(_, e)| matches!(e, Effect::Rows(_))));
        let unit = bed.unit(plugin, effects);
        bed.apply(plugin, unit).await.unwrap();
    }
    assert_same(&bed.dump().await, &expected(&world), "hidden");
    bed.check_counts().await;
    let before = world.events.len();
    world.account(&did(0), true);
    run(&mut bed, &world, before, &SPLITS[1], 6).await;
    assert_same(&bed.dump().await, &expected(&world), "back again");
}
