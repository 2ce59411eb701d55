//! Commits that real servers sent, each proved from its own blocks; and what is found when a part of one lies.

use std::collections::BTreeMap;

use aviary::atproto::car::CarSlice;
use aviary::atproto::commit::CommitObject;
use aviary::atproto::frame::{CommitFrame, Frame, OpAction, RepoOp};
use aviary::atproto::mst::{self, MstError};
use aviary::atproto::proof::{ProofError, prove_commit, prove_record};
use aviary::atproto::{Cid, Did};
use aviary_tests::recording::Recording;
use aviary_tests::shared_data;

/// A commit's parts, read from its frame.
struct Parts<'a> {
    frame: CommitFrame<'a>,
    object: CommitObject<'a>,
    car: CarSlice<'a>,
}

impl<'a> Parts<'a> {
    /// None for frames of other kinds.
    fn read(message: &'a [u8]) -> Option<Self> {
        let Frame::Commit(frame) = Frame::decode(message).unwrap() else {
            return None;
        };
        let car = CarSlice::read(frame.blocks).unwrap();
        let object = CommitObject::decode(car.get(&frame.commit).unwrap()).unwrap();
        Some(Self { frame, object, car })
    }

    fn prove(&self) -> Result<(), ProofError> {
        prove_commit(&self.frame, &self.object, &self.car)
    }

    /// What comes of the proof when the frame says something else.
    fn prove_with(&self, change: impl FnOnce(&mut CommitFrame<'a>)) -> Result<(), ProofError> {
        let mut frame = self.frame.clone();
        change(&mut frame);
        prove_commit(&frame, &self.object, &self.car)
    }
}

fn messages(recording: &Recording) -> Vec<Vec<u8>> {
    let bytes = recording.frames();
    let (mut rest, mut messages) = (&bytes[..], Vec::new());
    while let Some((head, tail)) = rest.split_first_chunk() {
        let (message, tail) = tail.split_at(u32::from_be_bytes(*head) as usize);
        messages.push(message.to_vec());
        rest = tail;
    }
    messages
}

/// Proves every commit and that each account's trees form a chain. How many commits and operations there were.
fn all_prove(messages: &[Vec<u8>]) -> (usize, usize) {
    let mut trees: BTreeMap<Did, Cid> = BTreeMap::new();
    let (mut commits, mut ops) = (0, 0);
    for parts in messages.iter().filter_map(|message| Parts::read(message)) {
        let seq = parts.frame.seq;
        assert_eq!(parts.prove(), Ok(()), "seq {seq}");
        let before = trees.insert(parts.frame.repo.clone(), parts.object.data);
        if let (Some(before), Some(prev_data)) = (before, parts.frame.prev_data) {
            assert_eq!(
                before, prev_data,
                "seq {seq}: not the tree that was proved last"
            );
        }
        commits += 1;
        ops += parts.frame.ops.len();
    }
    (commits, ops)
}

#[test]
fn every_commit_of_the_small_recording_proves() {
    let (commits, ops) = all_prove(&messages(&Recording::small()));
    assert!(
        commits > 300 && ops > commits,
        "{commits} commits, {ops} ops"
    );
}

#[test]
fn every_commit_of_the_medium_recording_proves() {
    let Some(recording) = Recording::shared("medium") else {
        return;
    };
    let (commits, _) = all_prove(&messages(&recording));
    assert!(commits > 15_000, "{commits} commits");
}

#[test]
fn every_commit_of_the_network_proves() {
    let name = "conformance/jetstream-v2/internal/corpus/testdata/frames.bin.zst";
    let Some(frames) = shared_data::frames(name, u32::from_le_bytes) else {
        return;
    };
    assert_eq!(all_prove(&frames).0, 148);
}

/// Each lie is told about every commit of the recording that it can be told about, and found each time.
#[test]
fn a_commit_that_lies_about_its_operations_does_not_prove() {
    let messages = messages(&Recording::small());
    let (mut hidden, mut invented, mut other) = (0, 0, 0);
    for parts in messages.iter().filter_map(|message| Parts::read(message)) {
        let seq = parts.frame.seq;
        for at in 0..parts.frame.ops.len() {
            let result = parts.prove_with(|frame| {
                frame.ops.remove(at);
            });
            assert!(result.is_err(), "seq {seq}: operation {at} hidden");
            hidden += 1;
        }
        let op = RepoOp {
            action: OpAction::Create,
            path: "app.bsky.feed.post/invented",
            cid: Some(parts.object.data),
            prev: None,
        };
        let result = parts.prove_with(|frame| frame.ops.push(op));
        // Where no block shows that there is no such path, the proof is incomplete.
        let is_found = matches!(
            result,
            Err(ProofError::Tree(
                MstError::RecordAbsent { .. } | MstError::Incomplete { .. }
            ))
        );
        assert!(is_found, "seq {seq}: {result:?}");
        invented += 1;
        let result = parts.prove_with(|frame| frame.prev_data = Some(frame.commit));
        assert!(
            matches!(result, Err(ProofError::PrevData { .. })),
            "seq {seq}: {result:?}"
        );
        other += 1;
    }
    assert!(
        hidden > 500 && invented > 300 && other > 300,
        "{hidden} {invented} {other}"
    );
}

#[test]
fn operations_without_what_undoing_them_takes_are_refused() {
    let messages = messages(&Recording::small());
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for parts in messages.iter().filter_map(|message| Parts::read(message)) {
        for (at, op) in parts.frame.ops.iter().enumerate() {
            let without = |change: fn(&mut RepoOp<'_>)| {
                parts
                    .prove_with(|frame| change(&mut frame.ops[at]))
                    .unwrap_err()
                    .reason()
            };
            let (name, reason) = match op.action {
                OpAction::Create => ("create", without(|op| op.cid = None)),
                OpAction::Update => ("update", without(|op| op.prev = None)),
                OpAction::Delete => ("delete", without(|op| op.prev = None)),
            };
            assert_eq!(reason, "op-field");
            let twice = parts.prove_with(|frame| frame.ops.push(frame.ops[at]));
            assert_eq!(twice.unwrap_err().reason(), "op-path-twice");
            *refused.entry(name).or_default() += 1;
        }
    }
    assert!(
        ["create", "update", "delete"]
            .iter()
            .all(|name| refused[name] > 0),
        "{refused:?}"
    );
}

/// A repository's first commit comes without `prevData`; nothing else may.
#[test]
fn without_prev_data_only_a_first_commit_proves() {
    let messages = messages(&Recording::small());
    let (mut first, mut later) = (0, 0);
    for parts in messages.iter().filter_map(|message| Parts::read(message)) {
        let is_first = parts
            .frame
            .prev_data
            .is_none_or(|root| root == mst::empty_root());
        let result = parts.prove_with(|frame| frame.prev_data = None);
        if is_first {
            assert_eq!(result, Ok(()), "seq {}", parts.frame.seq);
            first += 1;
        } else {
            assert_eq!(result.unwrap_err().reason(), "no-prev-data");
            later += 1;
        }
    }
    assert!(first > 10 && later > 200, "{first} first, {later} later");
}

/// Every record of a commit is proved by the commit's own blocks, for the account that it is of and no other.
#[test]
fn a_record_is_proved_present_or_absent() {
    let messages = messages(&Recording::small());
    let (mut present, mut absent) = (0, 0);
    for Parts { frame, object, car } in messages.iter().filter_map(|m| Parts::read(m)) {
        for op in &frame.ops {
            let found = prove_record(&car, &frame.repo, op.path, &object);
            assert_eq!(found, Ok(op.cid), "seq {} {}", frame.seq, op.path);
            present += usize::from(op.cid.is_some());
            absent += usize::from(op.cid.is_none());
        }
        let stranger = Did::parse("did:plc:stranger").unwrap();
        let refused = prove_record(&car, &stranger, "a/b", &object).unwrap_err();
        assert_eq!(refused.reason(), "did");
    }
    assert!(
        present > 500 && absent > 50,
        "{present} present, {absent} absent"
    );
}

/// Answers of a real PDS to `com.atproto.sync.getRecord`: what each proves was read off its nodes with another decoder.
#[test]
fn answers_of_a_real_server_prove_one_record_or_its_absence() {
    const LIKE: &str = "app.bsky.feed.like";
    let did = Did::parse("did:plc:hdhoaan3xa3jiuq4fg4mefid").unwrap();
    for (name, rkey, expected) in [
        (
            "slice-one",
            "3mcg72x6bi32z",
            Some("bafyreigr26wb3xcsktivsdjcwua6ecsvzc5hi5s6lp4j4nc36lykda47ka"),
        ),
        (
            "slice-node-after",
            "3mcqqwzsc7x26",
            Some("bafyreifje76nixxmuuqq6vqumfzelx5vdsaizlq5ydvkw5rwdlj36pdq3q"),
        ),
        (
            "slice-node-first-key",
            "3lohfzs6qea24",
            Some("bafyreiafmshvyssp2yme7haopxkl6zmns76l4xykj3htyputa4dmwvwvga"),
        ),
        // Between the last leaf on the way and the root's first key; nodes without keys lie between.
        ("slice-proving-absence", "3lohf5222222a", None),
    ] {
        let file = format!("conformance/repo-stream-crate/car-samples/{name}.car");
        let Some(bytes) = shared_data::read(&file) else {
            return;
        };
        let car = CarSlice::read(&bytes).unwrap();
        let object = CommitObject::decode(car.get(&car.root()).unwrap()).unwrap();
        let prove = |rkey| prove_record(&car, &did, &format!("{LIKE}/{rkey}"), &object);
        let expected = expected.map(|cid| Cid::parse(cid).unwrap());
        assert_eq!(prove(rkey), Ok(expected), "{name}");
        assert!(expected.is_none_or(|cid| car.get(&cid).is_some()), "{name}");
        // Of other parts of the repository nothing can be said.
        let elsewhere = prove("3kzzzzzzzzzzz").unwrap_err();
        assert_eq!(elsewhere.reason(), "tree-incomplete", "{name}");
    }
}
