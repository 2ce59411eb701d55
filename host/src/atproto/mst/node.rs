//! A node as it is read: one key after another, each with the subtree before it.
//!
//! Guarantees, for a node that was read to its end: it has the one canonical form (fields `e` and `l`; in an entry
//! `k`, `p`, `t`, `v`; prefixes as long as possible), its keys ascend and are all of the node's layer, and it is empty
//! only as the root of an empty tree. Allocates one buffer, for the key at hand.

use super::reader::{LINK_HEAD, Major, Reader};
use super::{layer, shown};
use crate::atproto::Cid;
use crate::atproto::cbor::CborError;
use crate::atproto::cid::CID_BYTES;
use crate::limits::{MST_DEPTH_MAX, MST_KEY_BYTES_MAX, MST_NODE_ENTRIES_MAX};

/// Room for a key of the usual length (bytes): a collection, a slash and a TID.
pub(super) const KEY_BYTES_USUAL: usize = 64;

/// Why a block is not a node. Offsets count from the block's first byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// An item's head is not canonical.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// Other bytes than a node has at this place.
    #[error("at byte {at}: expected {expected}, got other bytes")]
    Shape {
        /// Where they begin.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// Too many entries.
    #[error("expected at most {MST_NODE_ENTRIES_MAX} entries in a node, got {got}")]
    Entries {
        /// What came.
        got: u64,
    },
    /// A key's prefix is longer than the key before.
    #[error("expected a prefix of at most {max} bytes, got {got}")]
    PrefixRange {
        /// The length of the key before (bytes).
        max: usize,
        /// What came (bytes).
        got: u64,
    },
    /// A key shares more with the key before than its prefix says.
    #[error("expected the longest prefix for {key:?}, got {got} bytes")]
    PrefixShort {
        /// The key, cut.
        key: String,
        /// What came (bytes).
        got: usize,
    },
    /// A key does not come after the one before it.
    #[error("expected keys in ascending order, got {key:?} too late")]
    Unsorted {
        /// The key, cut.
        key: String,
    },
    /// A key is too long.
    #[error("at byte {at}: expected a key of at most {MST_KEY_BYTES_MAX} bytes, got a longer one")]
    KeyLength {
        /// Where it begins; 0 for the path of an operation.
        at: usize,
    },
    /// A key's hash puts it at another layer.
    #[error("expected keys of layer {expected}, got {key:?} of layer {got}")]
    Layer {
        /// The key, cut.
        key: String,
        /// The node's layer.
        expected: u8,
        /// The key's.
        got: u8,
    },
    /// A key of a layer that no tree reaches.
    #[error("expected a tree of at most {MST_DEPTH_MAX} nodes in depth, got a deeper one")]
    Depth,
    /// A subtree below the lowest layer.
    #[error("expected no subtree below layer 0, got one")]
    BelowLeaves,
    /// A node without entries where it may not stand.
    #[error("expected entries in a tree's root and entries or a subtree elsewhere, got none")]
    Empty,
}

/// A subtree that a node links to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subtree {
    /// Its top node.
    pub(super) cid: Cid,
    /// That node's layer.
    pub(super) layer: u8,
}

/// A node that is being read, standing at a key or at its end.
pub(super) struct Node<B> {
    block: B,
    /// Where the next entry begins.
    at: usize,
    /// Where the entries end.
    end: usize,
    /// Entries not yet read.
    left: u64,
    /// None until the first key of a root tells it.
    layer: Option<u8>,
    /// The key at hand; of an ended node, its last.
    key: Vec<u8>,
    /// The subtree before the key.
    gap: Option<Subtree>,
    /// What stands under the key; none at the end.
    entry: Option<Entry>,
}

struct Entry {
    record: Cid,
    right: Option<Subtree>,
}

impl<B: AsRef<[u8]>> Node<B> {
    /// Begins to read a node, up to its first key. `layer`: the node's, or none for a root.
    pub(super) fn open(block: B, layer: Option<u8>) -> Result<Self, NodeError> {
        let (end, left) = left(block.as_ref())?;
        let mut reader = Reader {
            bytes: &block.as_ref()[..end],
            at: 0,
        };
        reader.literal(b"\xa2\x61e", "a node (e, l)")?;
        let entries = reader.head(Major::Array, "a node's entries")?;
        if entries > MST_NODE_ENTRIES_MAX as u64 {
            return Err(NodeError::Entries { got: entries });
        }
        let is_root = layer.is_none();
        if entries == 0 && is_root == left.is_some() {
            return Err(NodeError::Empty);
        }
        let mut node = Self {
            at: reader.at,
            block,
            end,
            left: entries,
            layer,
            key: Vec::with_capacity(KEY_BYTES_USUAL),
            gap: None,
            entry: None,
        };
        node.read_entry()?;
        node.gap = left.map(|cid| node.below(cid)).transpose()?;
        Ok(node)
    }

    /// The subtree before the key at hand, once.
    #[inline]
    pub(super) fn take_gap(&mut self) -> Option<Subtree> {
        self.gap.take()
    }

    /// The key at hand and its record; none at the end.
    #[inline]
    pub(super) fn key(&self) -> Option<(&[u8], Cid)> {
        let entry = self.entry.as_ref()?;
        Some((&self.key, entry.record))
    }

    /// The node's layer; 0 for the root of an empty tree.
    #[inline]
    pub(super) fn layer(&self) -> u8 {
        self.layer.unwrap_or(0)
    }

    /// Goes to the next key.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<(), NodeError> {
        self.gap = self.entry.take().and_then(|entry| entry.right);
        self.read_entry()
    }

    /// Reads the next entry, if there is one.
    fn read_entry(&mut self) -> Result<(), NodeError> {
        let mut reader = Reader {
            bytes: &self.block.as_ref()[..self.end],
            at: self.at,
        };
        if self.left == 0 {
            let expected = "the end of a node's entries";
            let at = self.at;
            return (at == self.end)
                .then_some(())
                .ok_or(NodeError::Shape { at, expected });
        }
        reader.literal(b"\xa4\x61k", "an entry (k, p, t, v)")?;
        let rest = reader.key_bytes(MST_KEY_BYTES_MAX)?;
        reader.literal(b"\x61p", "an entry's p")?;
        let prefix = reader.head(Major::Unsigned, "a prefix's length")?;
        append(&mut self.key, prefix, rest, self.at)?;
        reader.literal(b"\x61t", "an entry's t")?;
        let right = reader.subtree()?;
        reader.literal(b"\x61v", "an entry's v")?;
        let record = reader.link()?;
        self.at = reader.at;
        self.left -= 1;
        self.check_layer()?;
        let right = right.map(|cid| self.below(cid)).transpose()?;
        self.entry = Some(Entry { record, right });
        Ok(())
    }

    #[inline]
    fn check_layer(&mut self) -> Result<(), NodeError> {
        let got = key_layer(&self.key)?;
        let expected = *self.layer.get_or_insert(got);
        if got == expected {
            return Ok(());
        }
        Err(NodeError::Layer {
            key: shown(&self.key),
            expected,
            got,
        })
    }

    #[inline]
    fn below(&self, cid: Cid) -> Result<Subtree, NodeError> {
        let layer = self.layer().checked_sub(1).ok_or(NodeError::BelowLeaves)?;
        Ok(Subtree { cid, layer })
    }
}

/// The layer of a key that a tree may hold.
pub(super) fn key_layer(key: &[u8]) -> Result<u8, NodeError> {
    if key.len() > MST_KEY_BYTES_MAX {
        return Err(NodeError::KeyLength { at: 0 });
    }
    let layer = layer(key);
    if usize::from(layer) < MST_DEPTH_MAX {
        Ok(layer)
    } else {
        Err(NodeError::Depth)
    }
}

/// Makes a key from the one before it, a prefix's length and the bytes that follow.
#[inline]
fn append(key: &mut Vec<u8>, prefix: u64, rest: &[u8], at: usize) -> Result<(), NodeError> {
    let max = key.len();
    let kept = usize::try_from(prefix).ok().filter(|kept| *kept <= max);
    let kept = kept.ok_or(NodeError::PrefixRange { max, got: prefix })?;
    if kept + rest.len() > MST_KEY_BYTES_MAX {
        return Err(NodeError::KeyLength { at });
    }
    // The first byte after the prefix decides: equal means a longer prefix was possible, smaller a wrong order.
    let order = rest.first().cmp(&key.get(kept));
    key.truncate(kept);
    key.extend_from_slice(rest);
    match order {
        std::cmp::Ordering::Greater => Ok(()),
        std::cmp::Ordering::Equal if !rest.is_empty() => Err(NodeError::PrefixShort {
            key: shown(key),
            got: kept,
        }),
        _ => Err(NodeError::Unsorted { key: shown(key) }),
    }
}

/// Reads `l`, which stands last: where it begins, and the subtree.
#[inline]
fn left(block: &[u8]) -> Result<(usize, Option<Cid>), NodeError> {
    const LINKED: usize = 2 + LINK_HEAD.len() + CID_BYTES;
    const NULL: usize = 2 + 1;
    // Never in doubt: before a null the last entry's link begins one byte earlier, with other bytes.
    for len in [LINKED, NULL] {
        let at = block.len().saturating_sub(len);
        if let Some(value) = block[at..].strip_prefix(b"\x61l") {
            let is_null = value == b"\xf6";
            if is_null || (len == LINKED && value.starts_with(LINK_HEAD)) {
                let mut reader = Reader {
                    bytes: block,
                    at: at + 2,
                };
                return Ok((at, reader.subtree()?));
            }
        }
    }
    let expected = "a node (e, l)";
    Err(NodeError::Shape { at: 0, expected })
}
