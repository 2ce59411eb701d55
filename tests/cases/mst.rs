//! Trees against the suites that other projects publish, and whole repositories walked.

mod bad;
mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use aviary::atproto::car::CarSlice;
use aviary::atproto::commit::CommitObject;
use aviary::atproto::mst::{self, MstError, Op, OpChange, Walk, WalkError};
use aviary::atproto::{Cid, syntax};
use aviary_tests::tree::{self, Records};
use aviary_tests::{shared_data, tar};
use serde_json::Value;

const INTEROP: &str = "conformance/atproto-interop-tests";

/// Every record of a tree, by a walk.
fn walked(car: &CarSlice<'_>, root: Cid) -> Result<Vec<(String, Cid)>, WalkError<Infallible>> {
    let mut walk = Walk::new(root, |cid| Ok(car.get(cid)))?;
    let mut records = Vec::new();
    while let Some(leaf) = walk.next()? {
        records.push((leaf.path().unwrap().to_owned(), leaf.record));
    }
    Ok(records)
}

fn cid(value: &Value) -> Option<Cid> {
    value.as_str().map(|text| Cid::parse(text).unwrap())
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
}

fn cids(value: &Value) -> BTreeSet<Cid> {
    texts(value).map(|text| Cid::parse(text).unwrap()).collect()
}

#[test]
fn key_heights_and_common_prefixes_agree() {
    let (Some(heights), Some(prefixes)) = (
        shared_data::json(&format!("{INTEROP}/mst/key_heights.json")),
        shared_data::json(&format!("{INTEROP}/mst/common_prefix.json")),
    ) else {
        return;
    };
    for case in heights.as_array().unwrap() {
        let key = case["key"].as_str().unwrap();
        assert_eq!(
            u64::from(mst::layer(key.as_bytes())),
            case["height"],
            "{case}"
        );
    }
    for case in prefixes.as_array().unwrap() {
        let bytes = |name: &str| case[name].as_str().unwrap().as_bytes().to_vec();
        let common = mst::common_prefix_bytes(&bytes("left"), &bytes("right"));
        assert_eq!(common as u64, case["len"], "{case}");
    }
    let cases = |value: &Value| value.as_array().unwrap().len();
    assert_eq!((cases(&heights), cases(&prefixes)), (9, 13));
}

/// The example keys of the suite, one for each line, named after the layer that they must have.
#[test]
fn example_keys_have_the_layers_of_their_places() {
    let Some(bytes) = shared_data::read(&format!("{INTEROP}/mst/example_keys.txt")) else {
        return;
    };
    let text = String::from_utf8(bytes).unwrap();
    let mut counted = 0;
    for key in text.lines().filter(|line| !line.is_empty()) {
        // `A0/374913`: the digit is the layer.
        let expected = key.as_bytes()[1] - b'0';
        assert_eq!(mst::layer(key.as_bytes()), expected, "{key}");
        counted += 1;
    }
    assert!(counted > 100, "{counted} keys");
}

/// Trees before and after are built by definition; of the tree after, only the blocks in the proof are there.
#[test]
fn every_commit_proof_fixture_inverts_to_the_root_before() {
    let Some(fixtures) =
        shared_data::json(&format!("{INTEROP}/firehose/commit-proof-fixtures.json"))
    else {
        return;
    };
    let fixtures = fixtures.as_array().unwrap();
    assert_eq!(fixtures.len(), 6);
    for fixture in fixtures {
        let comment = &fixture["comment"];
        let leaf = cid(&fixture["leafValue"]).unwrap();
        let record = |key: &str| (key.to_owned(), leaf);
        let mut records: Records = texts(&fixture["keys"]).map(record).collect();
        let (before, _) = tree::build(&records);
        assert_eq!(Some(before), cid(&fixture["rootBeforeCommit"]), "{comment}");
        let mut ops = Vec::new();
        for path in texts(&fixture["adds"]) {
            let change = OpChange::Create { cid: leaf };
            ops.push(Op { path, change });
            records.insert(path.to_owned(), leaf);
        }
        for path in texts(&fixture["dels"]) {
            let change = OpChange::Delete { prev: leaf };
            ops.push(Op { path, change });
            records.remove(path);
        }
        let (after, mut blocks) = tree::build(&records);
        assert_eq!(Some(after), cid(&fixture["rootAfterCommit"]), "{comment}");
        let proof = cids(&fixture["blocksInProof"]);
        blocks.retain(|cid, _| proof.contains(cid));
        let get = |cid: &Cid| blocks.get(cid).map(Vec::as_slice);
        assert_eq!(mst::invert(get, after, &ops), Ok(before), "{comment}");
    }
}

/// A suite's files by name.
struct Suite<'a>(BTreeMap<String, &'a [u8]>);

impl<'a> Suite<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        Self(tar::files(bytes).into_iter().collect())
    }

    fn car(&self, path: &str) -> CarSlice<'a> {
        CarSlice::read(self.0[path.trim_start_matches("./")]).unwrap()
    }

    fn cases(&self) -> impl Iterator<Item = Value> {
        let json = self.0.iter().filter(|(name, _)| name.ends_with(".json"));
        json.map(|(_, bytes)| serde_json::from_slice(bytes).unwrap())
    }
}

/// The operations from tree A to tree B.
fn suite_ops(case: &Value) -> Vec<Op<'_>> {
    let ops = case["results"]["record_ops"].as_array().unwrap().iter();
    ops.map(|op| {
        let change = match (cid(&op["old_value"]), cid(&op["new_value"])) {
            (None, Some(cid)) => OpChange::Create { cid },
            (Some(prev), Some(cid)) => OpChange::Update { cid, prev },
            (Some(prev), None) => OpChange::Delete { prev },
            (None, None) => panic!("{op}"),
        };
        let path = op["rpath"].as_str().unwrap();
        Op { path, change }
    })
    .collect()
}

/// Each difference is undone on tree B, of which only the nodes are there that the suite says are needed for it. The
/// smaller `proof_nodes` prove the operations one by one and not the tree before: they may be too few, never wrong.
/// (The suite does not say yet what `firehose_cids` is to hold.)
#[test]
fn every_difference_of_the_mst_suite_inverts_on_its_inductive_proof() {
    let Some(bytes) = shared_data::read("conformance/mst-test-suite/mst-test-suite.tar.zst") else {
        return;
    };
    let suite = Suite::read(&bytes);
    let (mut cases, mut incomplete, mut wrong) = (0, 0, Vec::new());
    for case in suite.cases() {
        let car = |name: &str| suite.car(case["inputs"][name].as_str().unwrap());
        let (a, b) = (car("mst_a"), car("mst_b"));
        let ops = suite_ops(&case);
        let invert_on = |nodes: &str| {
            let nodes = cids(&case["results"][nodes]);
            let get = |cid: &Cid| b.get(cid).filter(|_| nodes.contains(cid));
            mst::invert(get, b.root(), &ops)
        };
        if invert_on("inductive_proof_nodes") != Ok(a.root()) {
            wrong.push(case["description"].to_string());
        }
        match invert_on("proof_nodes") {
            Ok(root) if root == a.root() => {}
            Err(MstError::Incomplete { .. }) => incomplete += 1,
            other => wrong.push(format!("{}: {other:?}", case["description"])),
        }
        cases += 1;
    }
    assert_eq!((cases, wrong.len()), (16_384, 0), "{:?}", wrong.first());
    assert!(incomplete > 100, "{incomplete} proofs were too small");
}

/// What is in a tree is what the suite says leads to it from the empty one.
#[test]
fn every_tree_of_the_mst_suite_is_walked() {
    let Some(bytes) = shared_data::read("conformance/mst-test-suite/mst-test-suite.tar.zst") else {
        return;
    };
    let suite = Suite::read(&bytes);
    let mut trees = 0;
    for case in suite.cases() {
        let car = |name: &str| suite.car(case["inputs"][name].as_str().unwrap());
        let (a, b) = (car("mst_a"), car("mst_b"));
        if a.root() != mst::empty_root() {
            continue;
        }
        let expected: Vec<(String, Cid)> = suite_ops(&case)
            .iter()
            .map(|op| match op.change {
                OpChange::Create { cid } => (op.path.to_owned(), cid),
                other => panic!("from an empty tree: {other:?}"),
            })
            .collect();
        assert_eq!(walked(&b, b.root()).unwrap(), expected);
        assert_eq!(tree::build(&expected.into_iter().collect()).0, b.root());
        trees += 1;
    }
    assert_eq!(trees, 128);
}

fn repository(name: &str) -> Option<Vec<(String, Cid)>> {
    let bytes = shared_data::read(name)?;
    let car = CarSlice::read(&bytes).unwrap();
    let commit = CommitObject::decode(car.get(&car.root()).unwrap()).unwrap();
    let records = walked(&car, commit.data).unwrap();
    for (path, record) in &records {
        syntax::split_path(path).unwrap();
        assert!(car.get(record).is_some(), "{name} {path}");
    }
    Some(records)
}

#[test]
fn real_repositories_have_as_many_records_as_others_count() {
    const FOLDER: &str = "conformance/repo-stream-crate/car-samples";
    for (name, expected) in [
        ("empty", 0),
        ("tiny", 8),
        ("little", 278),
        ("midsize", 11_585),
    ] {
        let Some(records) = repository(&format!("{FOLDER}/{name}.car")) else {
            return;
        };
        assert_eq!(records.len(), expected, "{name}");
    }
}

#[test]
fn a_real_repository_has_exactly_the_listed_records() {
    const FOLDER: &str = "conformance/jetstream-v2/internal/corpus/testdata";
    let Some(records) = repository(&format!("{FOLDER}/repo.car")) else {
        return;
    };
    let listed = shared_data::read(&format!("{FOLDER}/car_expected_records.tsv")).unwrap();
    let listed = String::from_utf8(listed).unwrap();
    let listed: Vec<(String, Cid)> = listed
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(path, cid)| (path.to_owned(), Cid::parse(cid).unwrap()))
        .collect();
    assert_eq!(records, listed);
}

/// A CAR that lost its end reads well; only the walk tells.
#[test]
fn a_repository_without_one_of_its_nodes_is_incomplete() {
    let name = "conformance/repo-stream-crate/car-samples/little.car";
    let Some(bytes) = shared_data::read(name) else {
        return;
    };
    let car = CarSlice::read(&bytes).unwrap();
    let commit = CommitObject::decode(car.get(&car.root()).unwrap()).unwrap();
    let mut nodes = Vec::new();
    let mut walk = Walk::new(commit.data, |cid| {
        nodes.push(*cid);
        Ok::<_, Infallible>(car.get(cid))
    })
    .unwrap();
    while walk.next().unwrap().is_some() {}
    assert!(nodes.len() > 50, "{} nodes", nodes.len());
    for absent in nodes {
        let get = |cid: &Cid| Ok::<_, Infallible>(car.get(cid).filter(|_| *cid != absent));
        let ended = Walk::new(commit.data, get).and_then(|mut walk| {
            while walk.next()?.is_some() {}
            Ok(())
        });
        let expected = MstError::Incomplete { node: absent };
        assert_eq!(ended, Err(WalkError::Tree(expected)));
    }
}
