//! A tree built from its keys in ascending order, where subtrees that nothing touches stay closed.
//!
//! Guarantees: the root is that of the one tree with these keys. A closed subtree is opened when, and only when, a
//! neighbour belongs into the same node, so no block is asked for that another way to build could do without.

use super::level::Level;
use super::node::{KEY_BYTES_USUAL, Node, Subtree};
use super::{MstError, empty_root};
use crate::atproto::Cid;

/// Layers of a tree of 16,000 keys: each has a quarter of the keys of the one below it.
pub(super) const LAYERS_USUAL: usize = 8;

/// A tree under construction: its right edge, one level for each layer.
pub(super) struct Builder<F> {
    blocks: F,
    levels: Vec<Level>,
    /// A closed subtree behind everything else. All levels up to its layer are empty.
    waiting: Option<Subtree>,
    /// The last key, to hold the order against.
    last: Vec<u8>,
}

impl<'a, F: Fn(&Cid) -> Option<&'a [u8]>> Builder<F> {
    pub(super) fn new(blocks: F) -> Self {
        Self {
            blocks,
            levels: Vec::with_capacity(LAYERS_USUAL),
            waiting: None,
            last: Vec::with_capacity(KEY_BYTES_USUAL),
        }
    }

    /// Begins to read a node whose block must be there. `layer`: none for a root.
    pub(super) fn node(&self, cid: Cid, layer: Option<u8>) -> Result<Node<&'a [u8]>, MstError> {
        let block = (self.blocks)(&cid).ok_or(MstError::Incomplete { node: cid })?;
        Node::open(block, layer).map_err(|source| MstError::Node { node: cid, source })
    }

    /// Whether a subtree of this layer can follow as it is: nothing else belongs into its nodes.
    pub(super) fn has_room(&mut self, layer: u8) -> Result<bool, MstError> {
        self.open_from(layer + 1)?;
        let mut levels = self.levels.iter().take(usize::from(layer) + 1);
        Ok(self.waiting.is_none() && !levels.any(Level::is_open))
    }

    /// Appends a closed subtree, for which there must be room.
    pub(super) fn subtree(&mut self, subtree: Subtree) {
        self.waiting = Some(subtree);
    }

    /// Appends a key of this layer.
    pub(super) fn key(&mut self, key: &[u8], record: Cid, layer: u8) -> Result<(), MstError> {
        self.open_from(layer)?;
        self.place(key, record, layer)
    }

    /// The root of what was appended.
    pub(super) fn finish(mut self) -> Result<Cid, MstError> {
        let top = self.levels.iter().rposition(Level::is_open);
        match (top, self.waiting) {
            (Some(top), _) => {
                let last = self.close_below(top);
                Ok(self.levels[top].close(last).unwrap_or_else(empty_root))
            }
            (None, Some(subtree)) => self.without_empty_top(subtree),
            (None, None) => Ok(empty_root()),
        }
    }

    /// Opens what waits, until it is of a lower layer: what comes belongs into its nodes.
    fn open_from(&mut self, layer: u8) -> Result<(), MstError> {
        while let Some(subtree) = self.waiting.take_if(|waiting| waiting.layer >= layer) {
            self.open(subtree)?;
        }
        Ok(())
    }

    /// Appends what is in the subtree that was waiting. Its own subtrees find room: everything below is empty.
    fn open(&mut self, subtree: Subtree) -> Result<(), MstError> {
        let Subtree { cid, layer } = subtree;
        let mut node = self.node(cid, Some(layer))?;
        loop {
            self.waiting = node.take_gap();
            let Some((key, record)) = node.key() else {
                return Ok(());
            };
            self.place(key, record, layer)?;
            node.advance()
                .map_err(|source| MstError::Node { node: cid, source })?;
        }
    }

    fn place(&mut self, key: &[u8], record: Cid, layer: u8) -> Result<(), MstError> {
        if key <= self.last.as_slice() {
            return Err(MstError::order(&self.last, key));
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        let layer = usize::from(layer);
        if self.levels.len() <= layer {
            self.levels.resize_with(layer + 1, Level::default);
        }
        let before = self.close_below(layer);
        self.levels[layer].push(key, record, before);
        Ok(())
    }

    /// Ends all nodes below a layer and gives the subtree that they make.
    fn close_below(&mut self, layer: usize) -> Option<Cid> {
        let (mut subtree, from) = match self.waiting.take() {
            Some(waiting) => (Some(waiting.cid), usize::from(waiting.layer) + 1),
            None => (None, 0),
        };
        for level in self.levels.iter_mut().take(layer).skip(from) {
            subtree = level.close(subtree);
        }
        subtree
    }

    /// A tree's root has entries: goes down to the first node with some.
    fn without_empty_top(&self, mut top: Subtree) -> Result<Cid, MstError> {
        loop {
            let mut node = self.node(top.cid, Some(top.layer))?;
            match node.take_gap() {
                Some(below) if node.key().is_none() => top = below,
                _ => return Ok(top.cid),
            }
        }
    }
}
