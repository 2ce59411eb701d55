//! A node as it is written: entries from left to right, encoded as they come.

use super::common_prefix_bytes;
use super::node::KEY_BYTES_USUAL;
use super::reader::LINK_HEAD;
use crate::atproto::Cid;

/// A node's usual size (bytes): four entries on average, seldom more than ten.
const NODE_BYTES_USUAL: usize = 1_024;

/// The node under construction at one layer. Its buffers serve one node after another.
#[derive(Default)]
pub(super) struct Level {
    left: Option<Cid>,
    /// Entries that are complete, and the last one's `k` and `p`.
    entries: Vec<u8>,
    count: u64,
    /// The last key.
    key: Vec<u8>,
    /// The last entry's record, until the subtree behind it is known.
    record: Option<Cid>,
}

impl Level {
    /// Whether a key has come.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.count > 0
    }

    /// Appends a key with its record. `before`: the subtree between this key and the last.
    pub(super) fn push(&mut self, key: &[u8], record: Cid, before: Option<Cid>) {
        if self.entries.capacity() == 0 {
            self.entries.reserve(NODE_BYTES_USUAL);
            self.key.reserve(KEY_BYTES_USUAL);
        }
        self.attach(before);
        let kept = common_prefix_bytes(&self.key, key);
        self.entries.extend_from_slice(b"\xa4\x61k");
        head(&mut self.entries, 2, (key.len() - kept) as u64);
        self.entries.extend_from_slice(&key[kept..]);
        self.entries.extend_from_slice(b"\x61p");
        head(&mut self.entries, 0, kept as u64);
        self.key.truncate(kept);
        self.key.extend_from_slice(&key[kept..]);
        self.record = Some(record);
        self.count += 1;
    }

    /// Ends the node and gives its CID; none when there is nothing in it. `last`: the subtree behind the last key.
    pub(super) fn close(&mut self, last: Option<Cid>) -> Option<Cid> {
        const HEAD_BYTES_MAX: usize = 16;
        self.attach(last);
        if self.count == 0 && self.left.is_none() {
            return None;
        }
        let mut before = Vec::with_capacity(HEAD_BYTES_MAX);
        before.extend_from_slice(b"\xa2\x61e");
        head(&mut before, 4, self.count);
        self.entries.extend_from_slice(b"\x61l");
        subtree(&mut self.entries, self.left.take());
        let cid = Cid::of_dag_cbor_parts(&[&before, &self.entries]);
        self.entries.clear();
        self.key.clear();
        self.count = 0;
        Some(cid)
    }

    /// Puts a subtree behind the last key, or before all.
    fn attach(&mut self, cid: Option<Cid>) {
        match self.record.take() {
            None => self.left = cid,
            Some(record) => {
                self.entries.extend_from_slice(b"\x61t");
                subtree(&mut self.entries, cid);
                self.entries.extend_from_slice(b"\x61v");
                link(&mut self.entries, record);
            }
        }
    }
}

fn subtree(out: &mut Vec<u8>, cid: Option<Cid>) {
    match cid {
        Some(cid) => link(out, cid),
        None => out.push(0xf6),
    }
}

fn link(out: &mut Vec<u8>, cid: Cid) {
    out.extend_from_slice(LINK_HEAD);
    out.extend_from_slice(cid.as_bytes());
}

/// Writes an item's head in its shortest form.
fn head(out: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    let bytes = value.to_be_bytes();
    match value {
        0..24 => out.push(major | bytes[7]),
        24..0x100 => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..0x1_0000 => out.extend_from_slice(&[major | 25, bytes[6], bytes[7]]),
        // No key and no node in memory has more than 32 bits of length.
        _ => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
    }
}
