//! A whole tree in the order of its keys, one record after another.
//!
//! Guarantees: every node has its one form and its layer, every key comes after the one before it, and the end comes
//! only when the tree is complete. Memory is bounded by the tree's depth. A subtree that stands at two places or under
//! itself breaks the order or the layers and ends the walk. Does not hash: blocks come from who has checked them.

use super::node::{Node, Subtree};
use super::{MstError, NodeError};
use crate::atproto::Cid;
use crate::fault::{Class, Classify};
use crate::limits::MST_WALK_NODES_MAX;

/// Why a walk ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError<E> {
    /// The tree cannot be used.
    #[error(transparent)]
    Tree(#[from] MstError),
    /// A block could not be read.
    #[error("the block of a tree node could not be read: {0}")]
    Blocks(E),
    /// The tree has too many nodes.
    #[error("expected a tree of at most {MST_WALK_NODES_MAX} nodes, got more")]
    Nodes,
}

impl<E: Classify> Classify for WalkError<E> {
    fn class(&self) -> Class {
        match self {
            Self::Tree(error) => error.class(),
            Self::Blocks(error) => error.class(),
            Self::Nodes => Class::Reject,
        }
    }
}

/// A key of the tree with its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The key, `collection/rkey` if its writer followed the rules.
    pub key: &'a [u8],
    /// The record's CID.
    pub record: Cid,
}

impl<'a> Leaf<'a> {
    /// The key as text; none when it is not UTF-8. The walk can go on behind it.
    #[must_use]
    pub fn path(&self) -> Option<&'a str> {
        std::str::from_utf8(self.key).ok()
    }
}

/// A walk over a tree. `G` gives a node's block, or none when it is absent.
pub struct Walk<G, B> {
    get: G,
    /// The nodes from the root to where the walk is.
    path: Vec<(Cid, Node<B>)>,
    /// The last key.
    last: Vec<u8>,
    nodes_left: u64,
}

impl<G, B, E> Walk<G, B>
where
    G: FnMut(&Cid) -> Result<Option<B>, E>,
    B: AsRef<[u8]>,
{
    /// Begins at a tree's root.
    ///
    /// # Errors
    /// When the root is absent or not a root.
    pub fn new(root: Cid, get: G) -> Result<Self, WalkError<E>> {
        let mut walk = Self {
            get,
            path: Vec::new(),
            last: Vec::new(),
            nodes_left: MST_WALK_NODES_MAX,
        };
        walk.enter(root, None)?;
        Ok(walk)
    }

    /// The next record; none behind the last.
    ///
    /// # Errors
    /// When the tree is damaged or incomplete. The walk is over then: it gives nothing more.
    #[expect(clippy::should_implement_trait, reason = "an item borrows the walk")]
    pub fn next(&mut self) -> Result<Option<Leaf<'_>>, WalkError<E>> {
        match self.step() {
            Ok(record) => Ok(record.map(|record| Leaf {
                key: &self.last,
                record,
            })),
            Err(error) => {
                self.path.clear();
                Err(error)
            }
        }
    }

    /// Goes on to the next key and leaves it in `last`.
    fn step(&mut self) -> Result<Option<Cid>, WalkError<E>> {
        while let Some((cid, node)) = self.path.last_mut() {
            if let Some(Subtree { cid, layer }) = node.take_gap() {
                self.enter(cid, Some(layer))?;
                continue;
            }
            let Some((key, record)) = node.key() else {
                self.path.pop();
                continue;
            };
            if key <= self.last.as_slice() {
                return Err(MstError::order(&self.last, key).into());
            }
            self.last.clear();
            self.last.extend_from_slice(key);
            let node_error = |source| MstError::Node { node: *cid, source };
            node.advance().map_err(node_error)?;
            return Ok(Some(record));
        }
        Ok(None)
    }

    fn enter(&mut self, cid: Cid, layer: Option<u8>) -> Result<(), WalkError<E>> {
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or(WalkError::Nodes)?;
        let block = (self.get)(&cid).map_err(WalkError::Blocks)?;
        let block = block.ok_or(MstError::Incomplete { node: cid })?;
        let node_error = |source: NodeError| MstError::Node { node: cid, source };
        let node = Node::open(block, layer).map_err(node_error)?;
        self.path.push((cid, node));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::{EMPTY_TREE, empty_root};
    use super::*;

    type Got = Result<Option<&'static [u8]>, Infallible>;

    #[test]
    fn an_empty_tree_has_no_records() {
        let get = |cid: &Cid| -> Got { Ok((*cid == empty_root()).then_some(EMPTY_TREE)) };
        let mut walk = Walk::new(empty_root(), get).unwrap();
        assert_eq!(walk.next().unwrap(), None);
        assert_eq!(walk.next().unwrap(), None);
    }

    #[test]
    fn a_walk_ends_at_its_number_of_nodes() {
        // A root with the one key `blue`, which is of layer 1, and a subtree below it.
        let below = *Cid::of_dag_cbor(b"below").as_bytes();
        let record = *Cid::of_dag_cbor(b"record").as_bytes();
        let link = |cid: &[u8]| [b"\xd8\x2a\x58\x25\x00", cid].concat();
        let entry = [
            b"\xa4\x61k\x44blue\x61p\x00\x61t\xf6\x61v",
            &link(&record)[..],
        ]
        .concat();
        let root = [b"\xa2\x61e\x81", &entry[..], b"\x61l", &link(&below)].concat();
        let get = |_: &Cid| -> Result<Option<&[u8]>, Infallible> { Ok(Some(&root)) };
        let mut walk = Walk::new(empty_root(), get).unwrap();
        assert_eq!(walk.nodes_left, MST_WALK_NODES_MAX - 1);
        walk.nodes_left = 0;
        assert_eq!(walk.next(), Err(WalkError::Nodes));
        assert_eq!(walk.next(), Ok(None));
    }
}
