//! A repository's tree: the Merkle search tree over record paths \[repository, "MST Structure"\].
//!
//! Guarantees: a node is read only in the one form that the specification gives it, so that equal content means equal
//! CIDs; a partial tree is never taken for a whole one: a block that is needed and not there is
//! [`MstError::Incomplete`]. No recursion; depth, entries and keys are bounded by [`crate::limits`]. Does not hash
//! the blocks it is given ([`super::car`] does), does not look at records, and takes any text as a path.

mod build;
mod find;
mod invert;
mod level;
mod node;
mod reader;
mod walk;

pub use find::find;
pub use invert::{Op, OpChange, invert};
pub use node::NodeError;
pub use walk::{Leaf, Walk, WalkError};

use sha2::{Digest, Sha256};

use super::Cid;
use crate::fault::{Class, Classify};

/// The one node of an empty tree: `{e: [], l: null}`.
const EMPTY_TREE: &[u8] = b"\xa2\x61e\x80\x61l\xf6";

/// Why a tree, or operations on it, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MstError {
    /// A block is not a node, or not one that may stand at its place.
    #[error("in tree node {node}: {source}")]
    Node {
        /// The node's CID.
        node: Cid,
        /// What is wrong.
        source: NodeError,
    },
    /// A node's block is needed and absent.
    #[error("expected the block of tree node {node}, got none")]
    Incomplete {
        /// The node's CID.
        node: Cid,
    },
    /// Keys of different nodes are out of order, or one subtree stands at two places.
    #[error("expected a key after {after:?}, got {got:?}")]
    Order {
        /// The key before.
        after: String,
        /// The key that came.
        got: String,
    },
    /// Two operations on one path.
    #[error("expected one operation for each path, got two for {path:?}")]
    PathTwice {
        /// The path.
        path: String,
    },
    /// A created or updated record that the tree does not have.
    #[error("expected {path:?} in the tree after its operation, got no such key")]
    RecordAbsent {
        /// The path.
        path: String,
    },
    /// A created or updated record under another CID.
    #[error("expected {path:?} to be {op} as its operation says, got {tree} in the tree")]
    RecordDiffers {
        /// The path.
        path: String,
        /// What the operation says.
        op: Cid,
        /// What the tree says.
        tree: Cid,
    },
    /// A deleted record that the tree has.
    #[error("expected {path:?} to be gone from the tree, got it there")]
    RecordPresent {
        /// The path.
        path: String,
    },
    /// A key that cannot stand in a tree.
    #[error("expected a path that a tree can hold, got {path:?}: {source}")]
    Path {
        /// The path, cut.
        path: String,
        /// What is wrong.
        source: NodeError,
    },
}

impl Classify for MstError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

impl MstError {
    /// A short name for counters.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Node { .. } => "tree-node",
            Self::Incomplete { .. } => "tree-incomplete",
            Self::Order { .. } => "tree-order",
            Self::PathTwice { .. } => "op-path-twice",
            Self::RecordAbsent { .. } => "op-record-absent",
            Self::RecordDiffers { .. } => "op-record-differs",
            Self::RecordPresent { .. } => "op-record-present",
            Self::Path { .. } => "op-path",
        }
    }

    fn order(after: &[u8], got: &[u8]) -> Self {
        Self::Order {
            after: shown(after),
            got: shown(got),
        }
    }
}

/// The root of the tree without records.
#[must_use]
pub fn empty_root() -> Cid {
    Cid::of_dag_cbor(EMPTY_TREE)
}

/// A key's layer: the zeros that its SHA-256 begins with, in pairs of bits. From 32 on it says 32.
#[must_use]
pub fn layer(key: &[u8]) -> u8 {
    let mut head = [0; 8];
    head.copy_from_slice(&Sha256::digest(key)[..8]);
    (u64::from_be_bytes(head).leading_zeros() / 2) as u8
}

/// How many bytes two keys have in common from their beginning.
#[must_use]
pub fn common_prefix_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A key for people, cut.
fn shown(key: &[u8]) -> String {
    const SHOWN_CHARS: usize = 120;
    String::from_utf8_lossy(key)
        .chars()
        .take(SHOWN_CHARS)
        .collect()
}
