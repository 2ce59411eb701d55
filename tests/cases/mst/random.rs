//! Random trees and operations, against another library that knows nothing of partial trees made by us.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;

use aviary::atproto::Cid;
use aviary::atproto::mst::{self, MstError, Op, OpChange, Walk};
use aviary_tests::tree::{self, Records};
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use shrike::cbor::Cid as Theirs;
use shrike::mst::DetachedTree;

/// Seed of everything random here.
const SEED: u64 = 0x6d73_7421;
const ROUNDS: usize = 400;

fn ours(cid: Theirs) -> Cid {
    Cid::from_bytes(&cid.to_bytes()).unwrap()
}

fn theirs(cid: Cid) -> Theirs {
    Theirs::from_bytes(cid.as_bytes()).unwrap()
}

/// A tree of the other library with all its blocks, old ones too.
#[derive(Default)]
struct Oracle {
    tree: DetachedTree,
    blocks: HashMap<Theirs, Vec<u8>>,
}

impl Oracle {
    fn set(&mut self, key: &str, record: Option<Cid>) {
        match record {
            Some(cid) => self.tree.insert(&self.blocks, key.to_owned(), theirs(cid)),
            None => self.tree.remove(&self.blocks, key),
        }
        .unwrap();
    }

    fn root(&mut self) -> Cid {
        let written = self.tree.flush().unwrap();
        self.blocks.extend(written.new_blocks);
        ours(written.root)
    }

    /// The blocks that the reference implementation sends with operations on these paths.
    fn proof(&mut self, paths: &[String]) -> BTreeSet<Cid> {
        let paths = paths.iter().map(String::as_str);
        let proof = self.tree.covering_proof(&self.blocks, paths);
        proof.unwrap().into_iter().map(ours).collect()
    }

    fn block(&self, cid: &Cid) -> Option<&[u8]> {
        self.blocks.get(&theirs(*cid)).map(Vec::as_slice)
    }
}

/// Keys of which high layers have more than their share, so that nodes without keys come about.
fn pool(rng: &mut ChaCha8Rng) -> Vec<String> {
    let names = ["app.a", "app.a.b", "zz.top"];
    let keys: BTreeSet<String> = (0..6_000)
        .map(|_| {
            format!(
                "{}/{}",
                names[rng.random_range(0..3)],
                rng.random_range(0..100_000)
            )
        })
        .collect();
    let keep = |key: &String| tree::layer(key) > 1 || key.ends_with(['1', '2']);
    keys.into_iter().filter(keep).collect()
}

fn record(rng: &mut ChaCha8Rng) -> Cid {
    Cid::of_dag_cbor(&rng.random::<[u8; 8]>())
}

/// Makes one operation on a path, and takes it over into the records.
fn change(rng: &mut ChaCha8Rng, path: &str, records: &mut Records) -> OpChange {
    let cid = record(rng);
    match records.get(path).copied() {
        None => {
            records.insert(path.to_owned(), cid);
            OpChange::Create { cid }
        }
        Some(prev) if rng.random_bool(0.3) => {
            records.insert(path.to_owned(), cid);
            OpChange::Update { cid, prev }
        }
        Some(prev) => {
            records.remove(path);
            OpChange::Delete { prev }
        }
    }
}

/// A tree of the other library with some of the keys, and the same by definition.
fn filled(rng: &mut ChaCha8Rng, pool: &[String], size: usize) -> (Oracle, Records) {
    let (mut oracle, mut records) = (Oracle::default(), Records::new());
    for key in pool.choose_multiple(rng, size).cloned().collect::<Vec<_>>() {
        let cid = record(rng);
        oracle.set(&key, Some(cid));
        records.insert(key, cid);
    }
    assert_eq!(oracle.root(), tree::build(&records).0);
    (oracle, records)
}

/// Paths to change, half of them such as are there.
fn paths(rng: &mut ChaCha8Rng, pool: &[String], records: &Records, count: usize) -> Vec<String> {
    let known: Vec<String> = records.keys().cloned().collect();
    let mut paths: Vec<String> = pool.choose_multiple(rng, count).cloned().collect();
    paths.truncate(count.div_ceil(2));
    paths.extend(known.choose_multiple(rng, count / 2).cloned());
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[test]
fn random_commits_invert_to_the_other_librarys_root_before() {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let pool = pool(&mut rng);
    let (mut undone, mut incomplete) = (0, 0);
    for round in 0..ROUNDS {
        let size = rng.random_range(0..[4, 30, 400][round % 3]);
        let (mut oracle, mut records) = filled(&mut rng, &pool, size);
        let before = oracle.root();
        let count = rng.random_range(1..=[3, 12, 60][round % 3]);
        let paths = paths(&mut rng, &pool, &records, count);
        let op = |path| Op {
            path,
            change: change(&mut rng, path, &mut records),
        };
        let ops: Vec<Op<'_>> = paths.iter().map(String::as_str).map(op).collect();
        for path in &paths {
            oracle.set(path, records.get(path).copied());
        }
        let after = oracle.root();
        let proof = oracle.proof(&paths);
        let get = |cid: &Cid| oracle.block(cid).filter(|_| proof.contains(cid));
        assert_eq!(mst::invert(get, after, &ops), Ok(before), "round {round}");
        undone += ops.len();

        // One operation hidden: never the root before.
        let mut hidden = ops.clone();
        hidden.remove(rng.random_range(0..hidden.len()));
        let result = mst::invert(get, after, &hidden);
        assert_ne!(result, Ok(before), "round {round}");

        // One block less: the same root or none.
        let absent = proof.iter().nth(rng.random_range(0..proof.len()));
        let less = |cid: &Cid| get(cid).filter(|_| Some(cid) != absent);
        match mst::invert(less, after, &ops) {
            Ok(root) => assert_eq!(root, before),
            Err(MstError::Incomplete { node }) => {
                assert_eq!(Some(&node), absent);
                incomplete += 1;
            }
            Err(other) => panic!("round {round}: {other}"),
        }
    }
    assert!(undone > 2_000 && incomplete > 50, "{undone} {incomplete}");
}

#[test]
fn random_trees_are_walked_and_searched() {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED + 1);
    let pool = pool(&mut rng);
    for size in [0, 1, 2, 7, 50, 1_000] {
        let (mut oracle, records) = filled(&mut rng, &pool, size);
        let root = oracle.root();
        let mut walk = Walk::new(root, |cid| Ok::<_, Infallible>(oracle.block(cid))).unwrap();
        for (key, record) in &records {
            let leaf = walk.next().unwrap().unwrap();
            assert_eq!((leaf.path(), leaf.record), (Some(key.as_str()), *record));
        }
        assert_eq!(walk.next(), Ok(None));
        for path in &pool {
            let found = mst::find(|cid| oracle.block(cid), root, path);
            assert_eq!(found, Ok(records.get(path).copied()), "{path}");
        }
    }
}
