//! Every forged commit has its own fault and no other.

use std::collections::{BTreeMap, BTreeSet};

use super::complaints::complaints;
use super::config;
use crate::{Curve, Forgery, Frame, World};

fn expected(kind: Forgery) -> &'static str {
    match kind {
        Forgery::FlippedSignature
        | Forgery::HighS
        | Forgery::Der
        | Forgery::ForeignKey
        | Forgery::OtherCurve => "signature",
        Forgery::HiddenOp | Forgery::InventedOp | Forgery::SwappedCid => "inversion",
        Forgery::PrevData | Forgery::NoPrevData => "prevData",
        Forgery::Since => "since",
        Forgery::EnvelopeRev => "rev of the frame",
        Forgery::EnvelopeRepo => "did",
        Forgery::FutureRev => "future rev",
        Forgery::EqualRev | Forgery::LowerRev => "order of revs",
        Forgery::NotATid => "syntax of the rev",
        Forgery::MissingRecord => "record",
    }
}

/// A world, and an active account of each curve.
fn world() -> (World, Vec<String>) {
    let mut world = World::new(&config(31)).unwrap();
    (0..400).for_each(|_| drop(world.next_frame().unwrap()));
    let one_of = |curve| {
        let mut accounts = world.accounts().filter(|account| account.is_active());
        let account = accounts.find(|account| account.key.curve() == curve);
        account.unwrap().did.clone()
    };
    let dids = vec![one_of(Curve::K256), one_of(Curve::P256)];
    (world, dids)
}

#[test]
fn a_forged_commit_has_its_own_fault_and_no_other() {
    let (mut world, dids) = world();
    for did in &dids {
        for kind in Forgery::ALL {
            let before = world
                .account(did)
                .unwrap()
                .repository
                .head()
                .unwrap()
                .clone();
            let frame = world.forge(did, kind, false).unwrap();
            let now_us = frame.news.as_ref().unwrap().time_us;
            let account = world.account(did).unwrap();
            let forged = Frame {
                bytes: frame.before.clone().unwrap(),
                ..frame.clone()
            };
            let wrong = complaints(&forged, account, &before, now_us);
            assert_eq!(wrong, BTreeSet::from([expected(kind)]), "{kind:?}");
            let sound = complaints(&frame, account, &before, now_us);
            assert_eq!(sound, BTreeSet::new(), "the sound one beside {kind:?}");
        }
    }
}

#[test]
fn a_forgery_in_place_leaves_the_world_moving_on() {
    let (mut world, dids) = world();
    let did = &dids[0];
    let before = world
        .account(did)
        .unwrap()
        .repository
        .head()
        .unwrap()
        .clone();
    let records = |world: &World| world.account(did).unwrap().repository.records().count();
    let count = records(&world);
    let frame = world.forge(did, Forgery::HighS, true).unwrap();
    assert!(frame.before.is_none());
    let account = world.account(did).unwrap();
    let wrong = complaints(
        &frame,
        account,
        &before,
        frame.news.as_ref().unwrap().time_us,
    );
    assert_eq!(wrong, BTreeSet::from(["signature"]));
    assert_eq!(records(&world), count + 2);
    let next = world.post_statuses(did, 1).unwrap();
    assert!(next.seq == frame.seq + 1 && !next.forged);
}

#[test]
fn forgeries_come_as_often_as_was_said_and_all_in_turn() {
    let run = || {
        let mut world = World::new(&config(32)).unwrap();
        world.forge_every(7, &Forgery::ALL, false);
        let frames: Vec<Frame> = (0..900).map(|_| world.next_frame().unwrap()).collect();
        frames
    };
    let (frames, again) = (run(), run());
    let bytes = |frames: &[Frame]| -> Vec<_> {
        frames
            .iter()
            .map(|f| (f.bytes.clone(), f.before.clone()))
            .collect()
    };
    assert!(
        bytes(&frames) == bytes(&again),
        "the same seed gave other bytes"
    );
    let forged = frames.iter().filter(|frame| frame.forged).count();
    assert!((50..=128).contains(&forged), "{forged}");
    let mut others: BTreeMap<bool, usize> = BTreeMap::new();
    for frame in &frames {
        *others.entry(frame.before.is_some()).or_default() += 1;
    }
    assert_eq!(others[&true], forged);
}
