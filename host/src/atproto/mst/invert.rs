//! A commit's operations undone: from the tree after it to the root before it \[sync, "Operation Inversion"\].
//!
//! One pass over the keys of the tree and of the operations side by side. Each operation is held against the tree: what
//! was created or updated must be there, what was deleted must not. Subtrees without an operation in or beside them
//! are carried over by their CIDs. That the root is the expected one is for the caller to check.

use super::build::{Builder, LAYERS_USUAL};
use super::node::{Node, Subtree, key_layer};
use super::{MstError, shown};
use crate::atproto::Cid;

/// One operation of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op<'a> {
    /// `collection/rkey`.
    pub path: &'a str,
    /// What it did.
    pub change: OpChange,
}

/// What an operation did to its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpChange {
    /// A new record.
    Create {
        /// The record now.
        cid: Cid,
    },
    /// Another record in place of one.
    Update {
        /// The record now.
        cid: Cid,
        /// The record before.
        prev: Cid,
    },
    /// A record less.
    Delete {
        /// The record before.
        prev: Cid,
    },
}

/// Undoes operations on a tree and gives the root before them. `blocks` may be a part of the tree.
///
/// # Errors
/// When an operation does not agree with the tree, a node is not one, or a needed block is absent.
pub fn invert<'a>(
    blocks: impl Fn(&Cid) -> Option<&'a [u8]>,
    root: Cid,
    ops: &[Op<'_>],
) -> Result<Cid, MstError> {
    if ops.is_empty() {
        return Ok(root);
    }
    let mut sorted: Vec<&Op<'_>> = ops.iter().collect();
    sorted.sort_unstable_by_key(|op| op.path);
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0].path == pair[1].path) {
        let path = shown(twice[0].path.as_bytes());
        return Err(MstError::PathTwice { path });
    }
    let mut inversion = Inversion {
        before: Builder::new(blocks),
        path: Vec::with_capacity(LAYERS_USUAL),
        ops: &sorted,
    };
    inversion.enter(root, None)?;
    inversion.run()?;
    inversion.before.finish()
}

struct Inversion<'o, 'a, F> {
    /// The tree before the commit.
    before: Builder<F>,
    /// The nodes of the tree after it, from the root to where the pass is.
    path: Vec<(Cid, Node<&'a [u8]>)>,
    /// Operations still to be undone.
    ops: &'o [&'o Op<'o>],
}

impl<'o, 'a, F: Fn(&Cid) -> Option<&'a [u8]>> Inversion<'o, 'a, F> {
    fn run(&mut self) -> Result<(), MstError> {
        while let Some((_, node)) = self.path.last_mut() {
            if let Some(subtree) = node.take_gap() {
                self.subtree(subtree)?;
            } else if node.key().is_some() {
                self.key()?;
            } else {
                self.path.pop();
            }
        }
        self.undo_between_keys()
    }

    fn enter(&mut self, cid: Cid, layer: Option<u8>) -> Result<(), MstError> {
        let node = self.before.node(cid, layer)?;
        self.path.push((cid, node));
        Ok(())
    }

    /// Carries a subtree over as it is, unless an operation falls into it or a neighbour into its nodes.
    fn subtree(&mut self, subtree: Subtree) -> Result<(), MstError> {
        let next = self.path.iter().rev().find_map(|(_, node)| node.key());
        let is_touched = match (self.ops.first(), next) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(op), Some((key, _))) => op.path.as_bytes() < key,
        };
        if is_touched || !self.before.has_room(subtree.layer)? {
            return self.enter(subtree.cid, Some(subtree.layer));
        }
        self.before.subtree(subtree);
        Ok(())
    }

    /// Deals with the key at hand, and with the operations before and on it.
    fn key(&mut self) -> Result<(), MstError> {
        self.undo_between_keys()?;
        let Some((cid, node)) = self.path.last_mut() else {
            return Ok(());
        };
        if let Some((key, tree)) = node.key() {
            let op = self.ops.first().filter(|op| op.path.as_bytes() == key);
            let record = op.map_or(Ok(Some(tree)), |op| record_before(op, tree))?;
            if op.is_some() {
                self.ops = &self.ops[1..];
            }
            if let Some(record) = record {
                self.before.key(key, record, node.layer())?;
            }
        }
        let node_error = |source| MstError::Node { node: *cid, source };
        node.advance().map_err(node_error)
    }

    /// Undoes the operations before the key at hand. The tree does not have their paths.
    fn undo_between_keys(&mut self) -> Result<(), MstError> {
        while let Some(op) = self.next_between_keys() {
            let OpChange::Delete { prev } = op.change else {
                let path = shown(op.path.as_bytes());
                return Err(MstError::RecordAbsent { path });
            };
            let layer = key_layer(op.path.as_bytes()).map_err(|source| MstError::Path {
                path: shown(op.path.as_bytes()),
                source,
            })?;
            self.before.key(op.path.as_bytes(), prev, layer)?;
        }
        Ok(())
    }

    fn next_between_keys(&mut self) -> Option<&'o Op<'o>> {
        let (op, rest) = self.ops.split_first()?;
        let key = self.path.last().and_then(|(_, node)| node.key());
        if key.is_some_and(|(key, _)| key <= op.path.as_bytes()) {
            return None;
        }
        self.ops = rest;
        Some(op)
    }
}

/// What stood under a key of the tree before its operation; none when nothing did.
fn record_before(op: &Op<'_>, tree: Cid) -> Result<Option<Cid>, MstError> {
    let path = || shown(op.path.as_bytes());
    let (cid, before) = match op.change {
        OpChange::Create { cid } => (cid, None),
        OpChange::Update { cid, prev } => (cid, Some(prev)),
        OpChange::Delete { .. } => return Err(MstError::RecordPresent { path: path() }),
    };
    if cid == tree {
        return Ok(before);
    }
    let path = path();
    Err(MstError::RecordDiffers {
        path,
        op: cid,
        tree,
    })
}
