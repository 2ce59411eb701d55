//! Everything that a consumer may find wrong with a commit, each by itself.

use std::collections::{BTreeSet, HashMap};

use ipld_core::cid::Cid;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use shrike::car::read_slice;
use shrike::crypto::{Signature, parse_did_key};
use shrike::mst::DetachedTree;
use shrike::syntax::Tid;

use super::oracle;
use super::wire::{self, Event};
use crate::{Account, Frame, Head};

#[derive(Deserialize)]
struct Object {
    did: String,
    rev: String,
    sig: ByteBuf,
    data: Cid,
    prev: Option<Cid>,
    version: u64,
}

/// What is signed.
#[derive(Serialize)]
struct Unsigned<'a> {
    did: &'a str,
    rev: &'a str,
    data: Cid,
    prev: Option<Cid>,
    version: u64,
}

/// What is wrong with a commit of `account`, whose head was `before`, at `now_us`.
pub(super) fn complaints(
    frame: &Frame,
    account: &Account,
    before: &Head,
    now_us: u64,
) -> BTreeSet<&'static str> {
    let Event::Commit(commit) = wire::decode(frame) else {
        panic!("expected a commit")
    };
    let mut wrong = BTreeSet::new();
    let mut expect = |ok: bool, complaint| {
        if !ok {
            wrong.insert(complaint);
        }
    };
    let (roots, blocks) = read_slice(&commit.blocks).unwrap();
    blocks.iter().for_each(oracle::assert_hashes);
    assert_eq!(roots[0].to_string(), commit.commit.to_string());
    let block = blocks.iter().find(|block| block.cid == roots[0]).unwrap();
    let object: Object = serde_ipld_dagcbor::from_slice(block.data).unwrap();
    assert_eq!((object.prev, object.version), (None, 3));
    expect(is_signed(&object, account), "signature");
    expect(object.did == commit.repo, "did");
    expect(object.rev == commit.rev, "rev of the frame");
    match Tid::try_from(object.rev.as_str()) {
        Err(_) => expect(false, "syntax of the rev"),
        Ok(rev) => {
            expect(rev > before.rev, "order of revs");
            let latest_us = now_us + 300_000_000;
            expect(rev.timestamp_micros() < latest_us, "future rev");
        }
    }
    expect(commit.since == Some(before.rev.to_string()), "since");
    let data = before.data.to_string();
    let prev_data = commit.prev_data.map(|cid| cid.to_string());
    expect(prev_data.as_ref() == Some(&data), "prevData");
    let in_slice = |cid: &Cid| blocks.iter().any(|b| b.cid.to_string() == cid.to_string());
    let records = commit.ops.iter().filter_map(|op| op.cid);
    expect(records.clone().all(|cid| in_slice(&cid)), "record");
    expect(commit.ops.len() <= 200, "number of operations");
    expect(commit.blocks.len() <= 2_000_000, "bytes of blocks");
    let blocks: HashMap<_, _> = blocks.iter().map(|b| (b.cid, b.data)).collect();
    let mut tree =
        DetachedTree::load(shrike::cbor::Cid::from_bytes(&object.data.to_bytes()).unwrap());
    let undone = commit.ops.iter().all(|op| {
        let removed = tree.remove(&blocks, &op.path).ok().flatten();
        removed.map(|cid| cid.to_string()) == op.cid.map(|cid| cid.to_string())
    });
    let root = tree.flush().map(|write| write.root.to_string());
    expect(undone && root.is_ok_and(|root| root == data), "inversion");
    wrong
}

fn is_signed(object: &Object, account: &Account) -> bool {
    let unsigned = Unsigned {
        did: &object.did,
        rev: &object.rev,
        data: object.data,
        prev: None,
        version: 3,
    };
    let unsigned = serde_ipld_dagcbor::to_vec(&unsigned).unwrap();
    let key = parse_did_key(&format!("did:key:{}", account.key.multibase())).unwrap();
    let signature = <[u8; 64]>::try_from(object.sig.as_slice());
    signature.is_ok_and(|signature| {
        key.verify(&unsigned, &Signature::from_bytes(signature))
            .is_ok()
    })
}
