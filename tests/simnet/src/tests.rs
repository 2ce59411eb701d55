//! The world held against independent means: another CBOR library, another tree, published vectors.

mod complaints;
mod conformance;
mod consumer;
mod forged;
mod junk;
mod oracle;
mod seen;
mod wire;

use crate::{Config, Error, World};

fn config(seed: u64) -> Config {
    Config {
        seed,
        accounts: 40,
        ..Config::default()
    }
}

#[test]
fn a_consumer_of_the_frames_alone_arrives_at_the_truth() {
    for (seed, rotate_keys) in [(11, false), (12, true)] {
        let config = Config {
            rotate_keys,
            ..config(seed)
        };
        let mut world = World::new(&config).unwrap();
        let mut consumer = consumer::Consumer::of(&world);
        for _ in 0..1_500 {
            let frame = world.next_frame().unwrap();
            consumer.take(&frame, &world);
        }
        consumer.agrees_with(&world.truth().unwrap());
        assert!(
            consumer.curves.len() == 2,
            "commits of both curves: {:?}",
            consumer.curves
        );
    }
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let run = |seed| {
        let mut world = World::new(&config(seed)).unwrap();
        let frames: Vec<_> = (0..400)
            .map(|_| world.next_frame().unwrap().bytes)
            .collect();
        (frames, world.truth().unwrap().to_json().to_string())
    };
    let (first, again, other) = (run(3), run(3), run(4));
    assert!(first == again, "the same seed gave other bytes");
    assert!(
        first.0 != other.0 && first.1 != other.1,
        "another seed gave the same bytes"
    );
}

#[test]
fn an_exported_repository_holds_exactly_its_tree_and_records() {
    let mut world = World::new(&config(21)).unwrap();
    (0..800).for_each(|_| drop(world.next_frame().unwrap()));
    for account in world.accounts().filter(|account| account.is_active()) {
        let car = account.repository.export().unwrap().unwrap();
        let (roots, blocks) = shrike::car::read_slice(&car).unwrap();
        let head = account.repository.head().unwrap();
        assert_eq!(roots, [head.cid]);
        blocks.iter().for_each(oracle::assert_hashes);
        let blocks: std::collections::HashMap<_, _> =
            blocks.iter().map(|b| (b.cid, b.data)).collect();
        let mut tree = shrike::mst::DetachedTree::load(head.data);
        let entries = tree.entries(&blocks).unwrap();
        let expected: Vec<_> = account
            .repository
            .records()
            .map(|(p, c, _)| (p.to_owned(), c))
            .collect();
        assert_eq!(entries, expected);
        assert!(entries.iter().all(|(_, cid)| blocks.contains_key(cid)));
    }
}

#[test]
fn the_mix_keeps_its_proportions() {
    let mut world = World::new(&config(8)).unwrap();
    let mut seen = seen::Seen::default();
    (0..4_000).for_each(|_| seen.count(&world.next_frame().unwrap()));
    seen.assert_proportions();
    let duplicates = seen::duplicate_likes(&world.truth().unwrap());
    assert!(
        duplicates > 50,
        "likes of one subject by one account: {duplicates}"
    );
}

#[test]
fn what_is_rare_happens() {
    let mix = crate::Mix {
        account_statuses: 80,
        joins: 30,
        batches: 60,
        ..Default::default()
    };
    let mut world = World::new(&Config {
        accounts: 80,
        mix,
        ..config(8)
    })
    .unwrap();
    let mut seen = seen::Seen::default();
    (0..3_000).for_each(|_| seen.count(&world.next_frame().unwrap()));
    seen.assert_rare();
    assert_eq!(world.accounts().count(), 80, "everybody joined");
}

#[test]
fn a_world_without_accounts_is_refused() {
    let refused = World::new(&Config {
        accounts: 0,
        ..Config::default()
    });
    assert!(matches!(refused, Err(Error::Config(message)) if message.contains("expected 1")));
}

#[test]
fn a_world_of_one_lives() {
    let mut world = World::new(&Config {
        accounts: 1,
        ..config(2)
    })
    .unwrap();
    (0..300).for_each(|_| drop(world.next_frame().unwrap()));
    assert!(world.accounts().all(|account| account.is_active()));
}
