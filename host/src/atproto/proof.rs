//! What a commit's blocks prove: that its operations, and no others, lead from the tree before to the tree after.
//!
//! Guarantees: a commit that passes leaves no operation out and invents none, given that its `prevData` was the
//! account's tree before. The caller holds `prevData` against what it knows and checks the signature; blocks were
//! hashed by [`CarSlice`].

use super::car::CarSlice;
use super::commit::CommitObject;
use super::frame::{CommitFrame, OpAction, RepoOp};
use super::mst::{self, MstError, Op, OpChange};
use super::{Cid, Did};
use crate::fault::{Class, Classify};

/// Why blocks do not prove what they should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// An operation without a CID that it must have.
    #[error("expected {field} in the operation on {path:?}, got none")]
    OpField {
        /// The operation's path, cut.
        path: String,
        /// Which.
        field: &'static str,
    },
    /// The tree is damaged or incomplete, or an operation does not agree with it.
    #[error(transparent)]
    Tree(#[from] MstError),
    /// The operations lead from another tree.
    #[error("expected operations that lead from the tree {expected}, got some from {got}")]
    PrevData {
        /// The frame's `prevData`.
        expected: Cid,
        /// Where they lead from.
        got: Cid,
    },
    /// No `prevData`, and not a repository's first commit.
    #[error("expected prevData or the first commit of a repository, got operations on {got}")]
    NoPrevData {
        /// Where the operations lead from.
        got: Cid,
    },
    /// The commit object is another account's.
    #[error("expected a commit of {expected}, got one of {got}")]
    Did {
        /// Whose record was asked for.
        expected: Did,
        /// Whose commit came.
        got: Did,
    },
}

impl Classify for ProofError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

impl ProofError {
    /// A short name for counters.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::OpField { .. } => "op-field",
            Self::Tree(error) => error.reason(),
            Self::PrevData { .. } => "prev-data",
            Self::NoPrevData { .. } => "no-prev-data",
            Self::Did { .. } => "did",
        }
    }
}

/// Proves a commit's operations by undoing them. A frame without `prevData` is read as one whose tree before was
/// empty: the first commit of a repository passes, anything else does not.
///
/// # Errors
/// When the operations are not those between `prevData` and the commit's tree, or the blocks do not suffice to tell.
pub fn prove_commit(
    frame: &CommitFrame<'_>,
    object: &CommitObject<'_>,
    car: &CarSlice<'_>,
) -> Result<(), ProofError> {
    let ops: Result<Vec<Op<'_>>, ProofError> = frame.ops.iter().map(op).collect();
    let got = mst::invert(|cid| car.get(cid), object.data, &ops?)?;
    match frame.prev_data {
        Some(expected) if got == expected => Ok(()),
        None if got == mst::empty_root() => Ok(()),
        Some(expected) => Err(ProofError::PrevData { expected, got }),
        None => Err(ProofError::NoPrevData { got }),
    }
}

/// The CID of an account's record, from the blocks of `com.atproto.sync.getRecord`; none when they prove that there is
/// no record. The record's own block is not looked for.
///
/// # Errors
/// When the commit is another account's, or the blocks prove neither.
pub fn prove_record(
    car: &CarSlice<'_>,
    did: &Did,
    path: &str,
    object: &CommitObject<'_>,
) -> Result<Option<Cid>, ProofError> {
    if object.did != *did {
        return Err(ProofError::Did {
            expected: did.clone(),
            got: object.did.clone(),
        });
    }
    Ok(mst::find(|cid| car.get(cid), object.data, path)?)
}

/// An operation with all that undoing it takes.
fn op<'a>(op: &RepoOp<'a>) -> Result<Op<'a>, ProofError> {
    const SHOWN_CHARS: usize = 120;
    let need = |cid: Option<Cid>, field| {
        cid.ok_or_else(|| ProofError::OpField {
            path: op.path.chars().take(SHOWN_CHARS).collect(),
            field,
        })
    };
    let change = match op.action {
        OpAction::Create => OpChange::Create {
            cid: need(op.cid, "cid")?,
        },
        OpAction::Update => OpChange::Update {
            cid: need(op.cid, "cid")?,
            prev: need(op.prev, "prev")?,
        },
        OpAction::Delete => OpChange::Delete {
            prev: need(op.prev, "prev")?,
        },
    };
    Ok(Op {
        path: op.path,
        change,
    })
}
