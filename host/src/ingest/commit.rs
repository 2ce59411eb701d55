//! From a `#commit` frame to an entry with the wanted records' bytes.
//!
//! Guarantees: every block of the slice was hashed; the commit object is the slice's root and agrees with the frame
//! about whose it is and which rev. An operation that cannot be used is dropped alone, with its reason.

use bytes::Bytes;

use super::scope::Scope;
use crate::atproto::car::{CarError, CarSlice};
use crate::atproto::commit::CommitObject;
use crate::atproto::frame::{CommitFrame, OpAction, RepoOp};
use crate::atproto::{cbor, syntax};
use crate::entry::{Action, Commit, Op, RejectedOp, Source, Trust};
use crate::limits;

/// Why a whole commit cannot be used. Each reason marks the repository desynchronized.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    #[error("the frame says tooBig: its operations are not all in it")]
    TooBig,
    #[error("expected at most {max} operations, got {got}", max = limits::COMMIT_OPS_MAX)]
    TooManyOps { got: usize },
    #[error("expected at most {max} bytes of blocks, got {got}", max = limits::COMMIT_BLOCKS_BYTES_MAX)]
    BlocksTooLarge { got: usize },
    #[error("the CAR slice is damaged: {0}")]
    Car(#[from] CarError),
    #[error("expected the CAR's root to be the frame's commit {expected}, got {got}")]
    Root { expected: String, got: String },
    #[error("the commit object is not one: {0}")]
    Object(String),
    #[error("frame and commit object disagree about {field}: {frame:?} and {object:?}")]
    Mismatch {
        field: &'static str,
        frame: String,
        object: String,
    },
}

impl CommitError {
    /// A short name for counters.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::TooBig => "too-big",
            Self::TooManyOps { .. } => "too-many-ops",
            Self::BlocksTooLarge { .. } => "blocks-too-large",
            Self::Car(_) => "car",
            Self::Root { .. } => "root",
            Self::Object(_) => "commit-object",
            Self::Mismatch { .. } => "mismatch",
        }
    }
}

/// Reads a commit. `None` when nobody wants anything in it.
pub(super) fn read(
    frame: &CommitFrame<'_>,
    scope: &Scope,
    source: &Source,
) -> Result<Option<Commit>, CommitError> {
    check_frame(frame)?;
    let car = CarSlice::read(frame.blocks)?;
    let object = commit_object(frame, &car)?;

    let mut commit = Commit {
        did: frame.repo.clone(),
        rev: frame.rev,
        since: frame.since,
        data: Some(object.data),
        trust: Trust::Hashed,
        source: source.clone(),
        seq: frame.seq,
        ops: Vec::with_capacity(frame.ops.len()),
        rejected: Vec::new(),
    };
    for op in frame.ops.iter().filter(|op| is_wanted(op, scope)) {
        match read_op(op, &car) {
            Ok(op) => commit.ops.push(op),
            Err(reason) => commit.rejected.push(RejectedOp {
                path: op.path.chars().take(1_024).collect(),
                reason,
            }),
        }
    }
    let wanted = scope.is_all() || !commit.ops.is_empty() || !commit.rejected.is_empty();
    Ok(wanted.then_some(commit))
}

fn check_frame(frame: &CommitFrame<'_>) -> Result<(), CommitError> {
    if frame.too_big {
        return Err(CommitError::TooBig);
    }
    if frame.ops.len() > limits::COMMIT_OPS_MAX {
        let got = frame.ops.len();
        return Err(CommitError::TooManyOps { got });
    }
    if frame.blocks.len() > limits::COMMIT_BLOCKS_BYTES_MAX {
        let got = frame.blocks.len();
        return Err(CommitError::BlocksTooLarge { got });
    }
    Ok(())
}

fn commit_object<'a>(
    frame: &CommitFrame<'_>,
    car: &CarSlice<'a>,
) -> Result<CommitObject<'a>, CommitError> {
    if car.root() != frame.commit {
        return Err(CommitError::Root {
            expected: frame.commit.to_string(),
            got: car.root().to_string(),
        });
    }
    let block = car
        .get(&frame.commit)
        .ok_or_else(|| CommitError::Object("its block is not in the slice".into()))?;
    let object = CommitObject::decode(block).map_err(|e| CommitError::Object(e.to_string()))?;
    let mismatch = |field, frame: String, object: String| CommitError::Mismatch {
        field,
        frame,
        object,
    };
    if object.did != frame.repo {
        return Err(mismatch(
            "did",
            frame.repo.to_string(),
            object.did.to_string(),
        ));
    }
    if object.rev != frame.rev {
        return Err(mismatch(
            "rev",
            frame.rev.to_string(),
            object.rev.to_string(),
        ));
    }
    Ok(object)
}

/// The collection alone decides, so that a wanted record with a bad key is rejected and not overlooked.
fn is_wanted(op: &RepoOp<'_>, scope: &Scope) -> bool {
    let collection = op.path.split_once('/').map_or(op.path, |(c, _)| c);
    scope.wants(collection)
}

fn read_op(op: &RepoOp<'_>, car: &CarSlice<'_>) -> Result<Op, String> {
    let (collection, rkey) = syntax::split_path(op.path).map_err(|e| e.to_string())?;
    let action = match op.action {
        OpAction::Delete => Action::Delete,
        OpAction::Create | OpAction::Update => {
            let cid = op.cid.ok_or("expected the record's CID, got none")?;
            let block = car.get(&cid).ok_or_else(|| {
                format!("expected the record's block {cid} in the commit, got none")
            })?;
            if block.len() > limits::RECORD_BYTES_MAX {
                return Err(format!(
                    "expected a record of at most {} bytes, got {}",
                    limits::RECORD_BYTES_MAX,
                    block.len()
                ));
            }
            cbor::check_one(block).map_err(|e| format!("the record is not DAG-CBOR: {e}"))?;
            Action::Put {
                cid,
                body: Bytes::copy_from_slice(block),
            }
        }
    };
    Ok(Op {
        collection,
        rkey,
        action,
    })
}

#[cfg(test)]
mod tests;
