//! Repository trees made by their definition, node by node, so that cases need not trust the host's own building.
//!
//! The layer of a key comes from another library. Also encodes nodes that no tree should have.

use std::collections::BTreeMap;

use aviary::atproto::Cid;

/// Blocks by their CIDs.
pub type Blocks = BTreeMap<Cid, Vec<u8>>;

/// A tree's records by key.
pub type Records = BTreeMap<String, Cid>;

/// One entry as it is written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How many bytes of the key before it repeats.
    pub prefix: usize,
    /// The rest of the key.
    pub rest: Vec<u8>,
    /// The subtree behind it.
    pub right: Option<Cid>,
    /// The record.
    pub record: Cid,
}

/// The root of the tree with these records, and its blocks.
#[must_use]
pub fn build(records: &Records) -> (Cid, Blocks) {
    let mut blocks = Blocks::new();
    let keys: Vec<(&str, Cid)> = records.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let top = keys.iter().map(|(key, _)| layer(key)).max().unwrap_or(0);
    let root = subtree(&keys, top, &mut blocks);
    let root = root.unwrap_or_else(|| put(node(None, &[]), &mut blocks));
    (root, blocks)
}

fn subtree(keys: &[(&str, Cid)], at: u8, blocks: &mut Blocks) -> Option<Cid> {
    if keys.is_empty() {
        return None;
    }
    let below = |keys: &[(&str, Cid)], blocks: &mut Blocks| match at {
        0 => None,
        _ => subtree(keys, at - 1, blocks),
    };
    let mut groups = keys.split(|(key, _)| layer(key) == at);
    let left = below(groups.next().unwrap_or_default(), blocks);
    let mut entries = Vec::new();
    let mut before = "";
    for (key, record) in keys.iter().filter(|(key, _)| layer(key) == at) {
        let shared = |(a, b): &(u8, u8)| a == b;
        let prefix = before.bytes().zip(key.bytes()).take_while(shared).count();
        entries.push(Entry {
            prefix,
            rest: key.as_bytes()[prefix..].to_vec(),
            right: below(groups.next().unwrap_or_default(), blocks),
            record: *record,
        });
        before = key;
    }
    Some(put(node(left, &entries), blocks))
}

/// A key's layer as another library counts it.
#[must_use]
pub fn layer(key: &str) -> u8 {
    shrike::mst::height_for_key(key)
}

/// A node's bytes; whether it is a good one is up to the caller.
#[must_use]
pub fn node(left: Option<Cid>, entries: &[Entry]) -> Vec<u8> {
    let mut out = b"\xa2\x61e".to_vec();
    head(&mut out, 4, entries.len());
    for entry in entries {
        out.extend(b"\xa4\x61k");
        head(&mut out, 2, entry.rest.len());
        out.extend(&entry.rest);
        out.extend(b"\x61p");
        head(&mut out, 0, entry.prefix);
        out.extend(b"\x61t");
        link(&mut out, entry.right);
        out.extend(b"\x61v");
        link(&mut out, Some(entry.record));
    }
    out.extend(b"\x61l");
    link(&mut out, left);
    out
}

/// Keeps a block and gives its CID.
pub fn put(block: Vec<u8>, blocks: &mut Blocks) -> Cid {
    let cid = Cid::of_dag_cbor(&block);
    blocks.insert(cid, block);
    cid
}

fn link(out: &mut Vec<u8>, cid: Option<Cid>) {
    match cid {
        None => out.push(0xf6),
        Some(cid) => {
            out.extend(b"\xd8\x2a\x58\x25\x00");
            out.extend(cid.as_bytes());
        }
    }
}

fn head(out: &mut Vec<u8>, major: u8, value: usize) {
    let major = major << 5;
    match value {
        0..24 => out.push(major | value as u8),
        24..0x100 => out.extend([major | 24, value as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend((value as u16).to_be_bytes());
        }
        _ => {
            out.push(major | 26);
            out.extend((value as u32).to_be_bytes());
        }
    }
}
