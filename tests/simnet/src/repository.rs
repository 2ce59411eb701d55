//! A repository: records, an incremental Merkle search tree, the signed head.
//!
//! The tree stays in memory and only the nodes that a commit changes are encoded again, so a commit
//! costs the same in a large repository as in a small one, but for the tree's height.

mod export;
mod proof;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use rand::Rng;
use shrike::cbor::{Cid, Codec};
use shrike::crypto::SigningKey;
use shrike::repo::Commit as CommitObject;
use shrike::syntax::{Did, Tid};

use crate::car::Car;
use crate::commit::{Commit, Op};
use crate::tree::Tree;
use crate::{Error, Result};

/// A write of one record.
#[derive(Clone, Debug)]
pub struct Write {
    /// `collection/rkey`.
    pub path: String,
    /// The record's DAG-CBOR, or none to delete it.
    pub record: Option<Vec<u8>>,
}

/// A repository's latest commit.
#[derive(Clone, Debug)]
pub struct Head {
    /// The commit block's CID.
    pub cid: Cid,
    /// Its revision.
    pub rev: Tid,
    /// The tree's root.
    pub data: Cid,
    /// The commit block.
    pub block: Vec<u8>,
}

/// What a change did to a repository.
pub(crate) struct Changed {
    head: Head,
    new_nodes: Vec<Cid>,
    ops: Vec<Op>,
    before: Option<Head>,
}

#[derive(Debug)]
struct Stored {
    cid: Cid,
    bytes: Bytes,
    slot: usize,
}

/// One account's repository.
pub struct Repository {
    did: Did,
    tree: Tree,
    nodes: HashMap<Cid, Vec<u8>>,
    records: BTreeMap<Arc<str>, Stored>,
    /// Every path once, in no order: a random record costs no search.
    slots: Vec<Arc<str>>,
    /// What is in the tree and is no record: never chosen, changed or shown.
    junk: BTreeMap<String, (Cid, Bytes)>,
    head: Option<Head>,
    /// The head before the present one.
    before: Option<Head>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Repository({}, {} records)",
            self.did,
            self.records.len()
        )
    }
}

impl Repository {
    /// A repository without a commit.
    pub fn new(did: &str) -> Result<Repository> {
        Ok(Repository {
            did: Did::try_from(did)?,
            tree: Tree::new(),
            nodes: HashMap::new(),
            records: BTreeMap::new(),
            slots: Vec::new(),
            junk: BTreeMap::new(),
            head: None,
            before: None,
        })
    }

    /// The latest commit, if there is one.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The commit before the latest one, if there was one.
    pub fn before(&self) -> Option<&Head> {
        self.before.as_ref()
    }

    /// A record's CID and DAG-CBOR.
    pub fn record(&self, path: &str) -> Option<(Cid, &Bytes)> {
        self.records.get(path).map(|r| (r.cid, &r.bytes))
    }

    /// Every record in path order: path, CID, DAG-CBOR.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = (&str, Cid, &Bytes)> {
        self.records
            .iter()
            .map(|(path, r)| (&**path, r.cid, &r.bytes))
    }

    /// The records of one collection in key order: rkey, CID, DAG-CBOR.
    pub fn collection<'a>(
        &'a self,
        collection: &str,
    ) -> impl DoubleEndedIterator<Item = (&'a str, Cid, &'a Bytes)> + use<'a> {
        let (from, to) = (format!("{collection}/"), format!("{collection}0"));
        let skip = from.len();
        // '0' follows '/', so the range is exactly the collection's paths.
        let range = self.records.range::<str, _>((
            std::ops::Bound::Included(from.as_str()),
            std::ops::Bound::Excluded(to.as_str()),
        ));
        range.map(move |(path, r)| (&path[skip..], r.cid, &r.bytes))
    }

    /// The paths of what is in the tree and no consumer can use: a bad path, or no DAG-CBOR.
    pub fn unusable(&self) -> impl Iterator<Item = &str> {
        self.junk.keys().map(String::as_str)
    }

    pub(crate) fn random_path(&self, rng: &mut impl Rng) -> Option<Arc<str>> {
        let slots = self.slots.len();
        (slots > 0).then(|| Arc::clone(&self.slots[rng.random_range(0..slots)]))
    }

    /// Applies the writes (each path once) and signs the result as revision `rev`.
    pub fn commit(&mut self, writes: Vec<Write>, rev: Tid, key: &dyn SigningKey) -> Result<Commit> {
        self.commit_with(writes, Vec::new(), rev, key)
    }

    /// As [`Repository::commit`], with entries under new keys that no consumer can use.
    pub(crate) fn commit_with(
        &mut self,
        writes: Vec<Write>,
        junk: Vec<(String, Vec<u8>)>,
        rev: Tid,
        key: &dyn SigningKey,
    ) -> Result<Commit> {
        let changed = self.change(writes, junk, rev, key)?;
        let Changed {
            head,
            new_nodes,
            ops,
            before,
        } = changed;
        let blocks = self.slice(head.cid, &head.block, &new_nodes, &ops)?;
        Ok(Commit {
            cid: head.cid,
            rev,
            since: before.as_ref().map(|head| head.rev),
            prev_data: before.map(|head| head.data),
            data: head.data,
            ops,
            blocks,
        })
    }

    /// Applies and signs what a commit does, without a slice that tells of it.
    pub(crate) fn change(
        &mut self,
        writes: Vec<Write>,
        junk: Vec<(String, Vec<u8>)>,
        rev: Tid,
        key: &dyn SigningKey,
    ) -> Result<Changed> {
        if self.head.as_ref().is_some_and(|head| head.rev >= rev) {
            return Err(Error::Inconsistent(format!(
                "{}: revision {rev} is not after the head's",
                self.did
            )));
        }
        let mut ops = Vec::with_capacity(writes.len() + junk.len());
        for write in writes {
            ops.push(self.apply(write)?);
        }
        for (path, bytes) in junk {
            ops.push(self.apply_junk(path, bytes)?);
        }
        ops.sort_by(|a, b| a.path.cmp(&b.path));
        let changed = self.tree.flush(&self.nodes)?;
        let signed = CommitObject::create_signed(self.did.clone(), rev, changed.root, key)?;
        for cid in &changed.retired {
            self.nodes.remove(cid);
        }
        let new_nodes: Vec<Cid> = changed.new_blocks.iter().map(|(cid, _)| *cid).collect();
        self.nodes.extend(changed.new_blocks);
        let head = Head {
            cid: signed.cid,
            rev,
            data: changed.root,
            block: signed.bytes,
        };
        let before = self.head.replace(head.clone());
        self.before.clone_from(&before);
        Ok(Changed {
            head,
            new_nodes,
            ops,
            before,
        })
    }

    fn apply(&mut self, write: Write) -> Result<Op> {
        let Write { path, record } = write;
        let Some(bytes) = record else {
            return self.delete(path);
        };
        let cid = Cid::compute(Codec::Drisl, &bytes);
        let prev = self.tree.insert(&path, cid)?;
        let bytes = Bytes::from(bytes);
        if let Some(stored) = self.records.get_mut(path.as_str()) {
            (stored.cid, stored.bytes) = (cid, bytes);
        } else {
            let shared: Arc<str> = Arc::from(path.as_str());
            let slot = self.slots.len();
            self.slots.push(Arc::clone(&shared));
            self.records.insert(shared, Stored { cid, bytes, slot });
        }
        Ok(Op {
            path,
            cid: Some(cid),
            prev,
        })
    }

    fn delete(&mut self, path: String) -> Result<Op> {
        let prev = self.tree.remove(&path)?;
        let Some(stored) = self.records.remove(path.as_str()) else {
            return Err(Error::Inconsistent(format!(
                "{}: {path} is not there to delete",
                self.did
            )));
        };
        self.slots.swap_remove(stored.slot);
        if let Some(moved) = self
            .slots
            .get(stored.slot)
            .and_then(|p| self.records.get_mut(p))
        {
            moved.slot = stored.slot;
        }
        Ok(Op {
            path,
            cid: None,
            prev,
        })
    }

    fn apply_junk(&mut self, path: String, bytes: Vec<u8>) -> Result<Op> {
        self.tree.take_any_key()?;
        let cid = Cid::compute(Codec::Drisl, &bytes);
        if self.tree.insert(&path, cid)?.is_some() {
            return Err(Error::Inconsistent(format!(
                "{}: {path} is there before what is unusable",
                self.did
            )));
        }
        self.junk.insert(path.clone(), (cid, bytes.into()));
        Ok(Op {
            path,
            cid: Some(cid),
            prev: None,
        })
    }

    /// What is in the tree at a path, usable or not.
    fn entry(&self, path: &str) -> Option<&Bytes> {
        let record = self.records.get(path).map(|stored| &stored.bytes);
        record.or_else(|| self.junk.get(path).map(|(_, bytes)| bytes))
    }

    /// The CAR slice of a commit: see [`Commit::blocks`].
    fn slice(&mut self, cid: Cid, block: &[u8], new_nodes: &[Cid], ops: &[Op]) -> Result<Vec<u8>> {
        let proof = self.tree.covering(ops.iter().map(|op| op.path.as_str()))?;
        let mut car = Car::new(cid, block)?;
        for node in new_nodes.iter().chain(&proof) {
            car.add(*node, self.node(node)?)?;
        }
        for op in ops {
            if let (Some(cid), Some(bytes)) = (op.cid, self.entry(&op.path)) {
                car.add(cid, bytes)?;
            }
        }
        Ok(car.finish())
    }

    fn node(&self, cid: &Cid) -> Result<&[u8]> {
        let missing = || Error::Inconsistent(format!("{}: tree node {cid} is missing", self.did));
        self.nodes.get(cid).map(Vec::as_slice).ok_or_else(missing)
    }
}
