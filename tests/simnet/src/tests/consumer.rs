//! A consumer that trusts nothing: it keeps its own model from operations and checks every commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipld_core::cid::Cid;
use shrike::car::{BlockRef, read_slice};
use shrike::crypto::parse_did_key;
use shrike::mst::DetachedTree;
use shrike::repo::Commit as CommitObject;

use super::oracle;
use super::wire::{self, Commit, Event};
use crate::{Account, Frame, Truth, World};

#[derive(Default)]
struct Model {
    handle: String,
    status: Option<String>,
    head: Option<(String, String, String)>,
    records: BTreeMap<String, Cid>,
}

/// What a consumer of the stream knows.
#[derive(Default)]
pub(super) struct Consumer {
    accounts: BTreeMap<String, Model>,
    seq: u64,
    pub(super) curves: BTreeSet<String>,
}

impl Consumer {
    /// Knows what a consumer can know before the stream: handles and empty repositories.
    pub(super) fn of(world: &World) -> Consumer {
        let known = world.accounts().map(|account| {
            let head = account.repository.head().unwrap();
            let head = (
                head.cid.to_string(),
                head.rev.to_string(),
                head.data.to_string(),
            );
            let model = Model {
                handle: account.handle.clone(),
                head: Some(head),
                ..Model::default()
            };
            (account.did.clone(), model)
        });
        Consumer {
            accounts: known.collect(),
            ..Consumer::default()
        }
    }

    pub(super) fn take(&mut self, frame: &Frame, world: &World) {
        assert_eq!(frame.seq, self.seq + 1);
        self.seq = frame.seq;
        match wire::decode(frame) {
            Event::Identity(event) => {
                let account = world.account(&event.did).unwrap();
                assert_eq!((event.seq, &event.handle), (frame.seq, &account.handle));
                self.accounts.entry(event.did).or_default().handle = event.handle;
            }
            Event::Account(event) => {
                assert_eq!(event.active, event.status.is_none());
                let model = self.accounts.get_mut(&event.did).unwrap();
                if event.status.as_deref() == Some("deleted") {
                    (model.head, model.records) = (None, BTreeMap::new());
                }
                model.status = event.status;
            }
            Event::Sync(event) => {
                let (cid, rev, _) = self.accounts[&event.did].head.clone().unwrap();
                let (roots, blocks) = read_slice(&event.blocks).unwrap();
                assert_eq!((roots[0].to_string(), &event.rev), (cid, &rev));
                blocks.iter().for_each(oracle::assert_hashes);
                assert_eq!(blocks.len(), 1);
            }
            Event::Commit(commit) => {
                let account = world.account(&commit.repo).unwrap();
                self.curves.insert(format!("{:?}", account.key.curve()));
                self.commit(&commit, account);
            }
        }
    }

    fn commit(&mut self, commit: &Commit, account: &Account) {
        let model = self.accounts.get_mut(&commit.repo).unwrap();
        assert_eq!(model.status, None, "an inactive account committed");
        assert!(!commit.rebase && !commit.too_big && commit.blobs.is_empty());
        let (roots, blocks) = read_slice(&commit.blocks).unwrap();
        blocks.iter().for_each(oracle::assert_hashes);
        assert_eq!(roots[0].to_string(), commit.commit.to_string());
        let object = signed(roots[0], &blocks, account);
        assert_eq!(
            (object.did.as_str(), object.rev.to_string()),
            (commit.repo.as_str(), commit.rev.clone())
        );
        let before = model.head.take();
        assert_eq!(commit.since, before.as_ref().map(|(_, rev, _)| rev.clone()));
        assert_eq!(
            commit.prev_data.map(|c| c.to_string()),
            before.as_ref().map(|(.., data)| data.clone())
        );
        assert!(before.is_none_or(|(_, rev, _)| rev < commit.rev));
        for op in &commit.ops {
            let prev = match op.cid {
                Some(cid) => model.records.insert(op.path.clone(), cid),
                None => model.records.remove(&op.path),
            };
            assert_eq!(op.prev, prev, "{}", op.path);
            let action = match (prev, op.cid) {
                (None, Some(_)) => "create",
                (Some(_), Some(_)) => "update",
                _ => "delete",
            };
            assert_eq!(op.action, action);
            let in_slice = |cid: &Cid| blocks.iter().any(|b| b.cid.to_string() == cid.to_string());
            assert!(
                op.cid.iter().all(in_slice),
                "the record of {} is not in the slice",
                op.path
            );
        }
        let data = object.data.to_string();
        assert_eq!(data, oracle::root(&model.records).to_string());
        assert_inverts(commit, object.data, &blocks);
        model.head = Some((commit.commit.to_string(), commit.rev.clone(), data));
    }

    /// The model is the truth.
    pub(super) fn agrees_with(&self, truth: &Truth) {
        assert_eq!(truth.seq, self.seq);
        assert_eq!(self.accounts.len(), truth.accounts.len());
        for (did, model) in &self.accounts {
            let account = &truth.accounts[did];
            assert_eq!(model.handle, account.handle);
            assert_eq!(
                model.status.as_deref().unwrap_or("active"),
                account.status.as_str()
            );
            let latest = account.latest.as_ref();
            assert_eq!(
                model.head,
                latest.map(|l| (l.cid.clone(), l.rev.clone(), l.data.clone()))
            );
            let records = account
                .collections
                .iter()
                .flat_map(|(collection, records)| {
                    records
                        .iter()
                        .map(move |(rkey, r)| (format!("{collection}/{rkey}"), r.cid.clone()))
                });
            let known = model
                .records
                .iter()
                .map(|(path, cid)| (path.clone(), cid.to_string()));
            assert_eq!(known.collect::<BTreeMap<_, _>>(), records.collect());
        }
    }
}

/// The commit block, its signature checked with the key of the account's DID document.
fn signed(root: shrike::cbor::Cid, blocks: &[BlockRef<'_>], account: &Account) -> CommitObject {
    let block = blocks.iter().find(|block| block.cid == root).unwrap();
    let object = CommitObject::from_cbor(block.data).unwrap();
    let document = account.document("http://pds");
    let multibase = document["verificationMethod"][0]["publicKeyMultibase"]
        .as_str()
        .unwrap();
    object
        .verify(&*parse_did_key(&format!("did:key:{multibase}")).unwrap())
        .unwrap();
    object
}

/// Undoing the operations on what the slice alone holds gives the root before the commit.
fn assert_inverts(commit: &Commit, data: shrike::cbor::Cid, blocks: &[BlockRef<'_>]) {
    let Some(prev_data) = commit.prev_data else {
        return assert!(commit.ops.is_empty() && commit.since.is_none());
    };
    let blocks: HashMap<_, _> = blocks.iter().map(|block| (block.cid, block.data)).collect();
    let mut tree = DetachedTree::load(data);
    for op in &commit.ops {
        let undone = match op.prev {
            Some(prev) => {
                let prev = shrike::cbor::Cid::from_bytes(&prev.to_bytes()).unwrap();
                tree.insert(&blocks, op.path.clone(), prev).unwrap()
            }
            None => tree.remove(&blocks, &op.path).unwrap(),
        };
        assert_eq!(
            undone.map(|c| c.to_string()),
            op.cid.map(|c| c.to_string()),
            "{}",
            op.path
        );
    }
    assert_eq!(
        tree.flush().unwrap().root.to_string(),
        prev_data.to_string()
    );
}
