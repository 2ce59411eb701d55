//! Junk is honestly signed, in the tree, beside a sound record, and told apart in the truth.

use std::collections::BTreeMap;

use ipld_core::cid::Cid;

use super::complaints::complaints;
use super::wire::{self, Event};
use super::{config, oracle};
use crate::{Junk, World, limits};

fn world() -> (World, String) {
    let mut world = World::new(&config(41)).unwrap();
    (0..300).for_each(|_| drop(world.next_frame().unwrap()));
    let did = world.active_dids()[0].clone();
    (world, did)
}

/// The root that a repository must have by what was written to it.
fn root(world: &World, did: &str, junk: &BTreeMap<String, Cid>) -> String {
    let repository = &world.account(did).unwrap().repository;
    let mut all = junk.clone();
    for (path, cid, _) in repository.records() {
        all.insert(path.to_owned(), cid.to_string().parse().unwrap());
    }
    oracle::root(&all).to_string()
}

#[test]
fn junk_is_in_an_honest_tree_beside_a_sound_record() {
    let (mut world, did) = world();
    let mut junk = BTreeMap::new();
    for kind in Junk::ALL {
        let before = world
            .account(&did)
            .unwrap()
            .repository
            .head()
            .unwrap()
            .clone();
        let frame = world.write_junk(&did, kind).unwrap();
        let Event::Commit(commit) = wire::decode(&frame) else {
            panic!("expected a commit")
        };
        let account = world.account(&did).unwrap();
        let truth = &world.truth().unwrap().accounts[&did];
        let mut sound = 0;
        for op in &commit.ops {
            let shown = op
                .path
                .split_once('/')
                .and_then(|(collection, rkey)| truth.collections.get(collection)?.get(rkey));
            match shown {
                Some(record) => {
                    assert_eq!(record.cid, op.cid.unwrap().to_string());
                    sound += 1;
                }
                None => {
                    assert!(truth.unusable.contains(&op.path), "{}", op.path);
                    junk.insert(op.path.clone(), op.cid.unwrap());
                }
            }
        }
        assert!(sound >= 1 && sound + 1 >= commit.ops.len(), "{kind:?}");
        let data = account.repository.head().unwrap().data.to_string();
        assert_eq!(data, root(&world, &did, &junk), "{kind:?}");
        let now_us = frame.news.as_ref().unwrap().time_us;
        let mut wrong = complaints(&frame, account, &before, now_us);
        // The tree that this looks with refuses to load what some of these put into one.
        wrong.remove("inversion");
        let expected: &[&str] = match kind {
            Junk::ManyOps => &["number of operations"],
            Junk::LargeBlocks => &["bytes of blocks"],
            _ => &[],
        };
        assert!(wrong.iter().eq(expected), "{kind:?}: {wrong:?}");
        assert!(frame.bytes.len() < limits::FRAME_BYTES_MAX, "{kind:?}");
    }
    assert_eq!(junk.len(), 8);
}

#[test]
fn a_repository_with_junk_goes_on_and_is_exported_whole() {
    let (mut world, did) = world();
    let mut junk = BTreeMap::new();
    for kind in [Junk::NoSlash, Junk::Float] {
        let frame = world.write_junk(&did, kind).unwrap();
        let Event::Commit(commit) = wire::decode(&frame) else {
            panic!("expected a commit")
        };
        let repository = &world.account(&did).unwrap().repository;
        for op in commit
            .ops
            .iter()
            .filter(|op| repository.record(&op.path).is_none())
        {
            junk.insert(op.path.clone(), op.cid.unwrap());
        }
        world.post_statuses(&did, 3).unwrap();
    }
    let repository = &world.account(&did).unwrap().repository;
    let head = repository.head().unwrap();
    assert_eq!(head.data.to_string(), root(&world, &did, &junk));
    let car = repository.export().unwrap().unwrap();
    let (roots, blocks) = shrike::car::read_slice(&car).unwrap();
    assert_eq!(roots, [head.cid]);
    blocks.iter().for_each(oracle::assert_hashes);
    for cid in junk.values() {
        assert!(
            blocks
                .iter()
                .any(|block| block.cid.to_string() == cid.to_string())
        );
    }
}

#[test]
fn a_large_repository_is_made_quickly_and_changes_unheard() {
    let (mut world, did) = world();
    let seq = world.seq();
    world.fill(&did, 20_000).unwrap();
    world.write_unheard(&did, 2).unwrap();
    assert_eq!(world.seq(), seq);
    let repository = &world.account(&did).unwrap().repository;
    assert!(repository.collection("xyz.statusphere.status").count() >= 20_002);
    assert_eq!(
        repository.head().unwrap().data.to_string(),
        root(&world, &did, &BTreeMap::new())
    );
}
