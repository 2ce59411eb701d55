//! A Merkle search tree from the specification's words, built from nothing each time: slow, and no
//! code of it is shared with the tree that is tested.

use std::collections::BTreeMap;

use ipld_core::cid::Cid;
use ipld_core::cid::multihash::Multihash;
use serde::Serialize;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

#[derive(Serialize)]
struct Node {
    e: Vec<Entry>,
    l: Option<Cid>,
}

#[derive(Serialize)]
struct Entry {
    k: ByteBuf,
    p: usize,
    t: Option<Cid>,
    v: Cid,
}

/// The root of the tree of `records`.
pub(super) fn root(records: &BTreeMap<String, Cid>) -> Cid {
    let all: Vec<(&str, Cid, u32)> = records
        .iter()
        .map(|(k, v)| (k.as_str(), *v, height(k)))
        .collect();
    let top = all.iter().map(|(.., height)| *height).max().unwrap_or(0);
    node(&all, top).unwrap_or_else(|| {
        cid_of(&Node {
            e: Vec::new(),
            l: None,
        })
    })
}

/// Pairs of leading zero bits of the key's SHA-256.
pub(super) fn height(key: &str) -> u32 {
    let digest = Sha256::digest(key.as_bytes());
    let mut zeros = 0;
    for byte in digest {
        zeros += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    zeros / 2
}

/// The node at `height` that holds `all`; none if there is nothing to hold.
fn node(all: &[(&str, Cid, u32)], height: u32) -> Option<Cid> {
    if all.is_empty() {
        return None;
    }
    let below = |part: &[(&str, Cid, u32)]| {
        if height == 0 {
            None
        } else {
            node(part, height - 1)
        }
    };
    let here: Vec<usize> = (0..all.len()).filter(|at| all[*at].2 == height).collect();
    let first = here.first().copied().unwrap_or(all.len());
    let mut before = "";
    let mut entries = Vec::new();
    for (index, at) in here.iter().enumerate() {
        let next = here.get(index + 1).copied().unwrap_or(all.len());
        let (key, v, _) = all[*at];
        let p = before
            .bytes()
            .zip(key.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        entries.push(Entry {
            k: ByteBuf::from(&key.as_bytes()[p..]),
            p,
            t: below(&all[at + 1..next]),
            v,
        });
        before = key;
    }
    Some(cid_of(&Node {
        e: entries,
        l: below(&all[..first]),
    }))
}

fn cid_of(node: &Node) -> Cid {
    cid(&serde_ipld_dagcbor::to_vec(node).unwrap())
}

/// The CID of a DAG-CBOR block.
pub(super) fn cid(block: &[u8]) -> Cid {
    let digest = Multihash::wrap(0x12, &Sha256::digest(block)).unwrap();
    Cid::new_v1(0x71, digest)
}

/// A block is what its CID says.
pub(super) fn assert_hashes(block: &shrike::car::BlockRef<'_>) {
    assert_eq!(cid(block.data).to_string(), block.cid.to_string());
}
