//! One real commit, and what becomes of it when a part of the frame lies.

use super::*;
use crate::atproto::frame::Frame;
use crate::atproto::{Cid, Tid};

const FRAME: &[u8] = include_bytes!("../../../../tests/fixtures/commit-of-one-post.bin");
const POST: &str = "app.bsky.feed.post";

fn frame() -> CommitFrame<'static> {
    match Frame::decode(FRAME).unwrap() {
        Frame::Commit(commit) => commit,
        other => panic!("{other:?}"),
    }
}

fn posts() -> Scope {
    Scope::of([POST])
}

fn read_by(
    scope: &Scope,
    change: impl FnOnce(&mut CommitFrame<'static>),
) -> Result<Option<Commit>, CommitError> {
    let mut frame = frame();
    change(&mut frame);
    let opened = Opened::read(&frame)?;
    let is_wanted = scope.is_all() || wanted(&frame, scope).next().is_some();
    let entry = opened.entry(scope, &Source("test".into()), Trust::Hashed);
    Ok(is_wanted.then_some(entry))
}

#[test]
fn a_wanted_record_comes_with_bytes_that_hash_to_its_cid() {
    let commit = read_by(&posts(), |_| {}).unwrap().unwrap();
    assert_eq!((commit.ops.len(), commit.rejected.len()), (1, 0));
    let Action::Put { cid, body } = &commit.ops[0].action else {
        panic!("expected a record");
    };
    assert!(cid.matches(body));
    assert_eq!(commit.ops[0].collection.as_str(), POST);
}

#[test]
fn what_nobody_wants_is_not_handed_on() {
    assert!(
        read_by(&Scope::of(["com.example.*"]), |_| {})
            .unwrap()
            .is_none()
    );
    assert!(read_by(&Scope::all(), |f| f.ops.clear()).unwrap().is_some());
}

#[test]
fn an_operation_that_cannot_be_used_is_rejected_alone() {
    for (path, words) in [
        ("app.bsky.feed.post/a/b", "record key"),
        ("app.bsky.feed.post/..", "record key"),
        ("app.bsky.feed.post", "collection/rkey"),
    ] {
        let commit = read_by(&posts(), |f| {
            let mut bad = f.ops[0];
            bad.path = path;
            f.ops.push(bad);
        });
        let commit = commit.unwrap().unwrap();
        assert_eq!(commit.ops.len(), 1, "{path}: the sound operation was lost");
        assert_eq!(commit.rejected[0].path, path);
        assert!(
            commit.rejected[0].reason.contains(words),
            "{}",
            commit.rejected[0].reason
        );
    }
    let missing = read_by(&posts(), |f| f.ops[0].cid = Some(Cid::of_dag_cbor(b"\xa0")));
    let missing = missing.unwrap().unwrap();
    assert!(
        missing.rejected[0].reason.contains("block"),
        "{:?}",
        missing.rejected
    );
    let none = read_by(&posts(), |f| f.ops[0].cid = None).unwrap().unwrap();
    assert!(
        none.rejected[0].reason.contains("CID"),
        "{:?}",
        none.rejected
    );
}

#[test]
fn a_commit_whose_parts_disagree_is_refused_whole() {
    let reason =
        |change: fn(&mut CommitFrame<'static>)| read_by(&posts(), change).unwrap_err().reason();
    assert_eq!(reason(|f| f.too_big = true), "too-big");
    assert_eq!(
        reason(|f| f.ops = vec![f.ops[0]; limits::COMMIT_OPS_MAX + 1]),
        "too-many-ops"
    );
    assert_eq!(
        reason(|f| f.blocks = &f.blocks[..f.blocks.len() - 1]),
        "car"
    );
    assert_eq!(reason(|f| f.commit = Cid::of_dag_cbor(b"\xa0")), "root");
    assert_eq!(
        reason(|f| f.rev = Tid::parse("2222222222222").unwrap()),
        "mismatch"
    );
    assert_eq!(
        reason(|f| f.repo = crate::atproto::Did::parse("did:plc:other").unwrap()),
        "mismatch"
    );
}

#[test]
fn operations_that_do_not_lead_to_the_signed_tree_are_refused() {
    let proven = |change: fn(&mut CommitFrame<'static>)| {
        let mut frame = frame();
        change(&mut frame);
        Opened::read(&frame).unwrap().prove()
    };
    assert!(proven(|_| {}).is_ok());
    assert!(proven(|f| f.ops.clear()).is_err());
    assert!(proven(|f| f.prev_data = None).is_err());
    assert!(proven(|f| f.ops[0].path = "app.bsky.feed.post/3aaaaaaaaaaaa").is_err());
    assert!(proven(|f| f.ops[0].cid = Some(Cid::of_dag_cbor(b"\xa0"))).is_err());
}

#[test]
fn what_a_proven_commit_lacks_is_left_to_a_fetch() {
    let mut frame = frame();
    frame.ops[0].cid = Some(Cid::of_dag_cbor(b"\xa0"));
    let opened = Opened::read(&frame).unwrap();
    let commit = opened.entry(&posts(), &Source("test".into()), Trust::Verified);
    assert_eq!((commit.ops.len(), commit.rejected.len()), (0, 0));
    assert_eq!(opened.missing_records(&posts()).len(), 1);
}
