//! From a `#commit` frame to an entry with the wanted records' bytes.
//!
//! Guarantees of an [`Opened`] commit: every block of the slice was hashed; the commit object is the slice's root and
//! agrees with the frame about whose it is and which rev. An operation that cannot be used is dropped alone, with its
//! reason. Whether the commit is proven, signed, and next in its chain is asked one by one: `super::lane` does.

use bytes::Bytes;

use super::scope::Scope;
use crate::atproto::car::{CarError, CarSlice};
use crate::atproto::commit::CommitObject;
use crate::atproto::frame::{CommitFrame, OpAction, RepoOp};
use crate::atproto::proof::{self, ProofError};
use crate::atproto::{PublicKey, cbor, syntax};
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
    #[error("the operations are not proven: {0}")]
    Proof(#[from] ProofError),
    #[error("expected a rev that is at most {ahead_s} s ahead of this host's clock, got {rev}", ahead_s = limits::REV_AHEAD_MS_MAX / 1_000)]
    FutureRev { rev: String },
    #[error("the signature is not by the account's key, looked up anew")]
    Signature,
    #[error("the account's document has no usable signing key: {0}")]
    NoKey(String),
    #[error("the account's key cannot be found: {0}")]
    Identity(String),
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
            Self::Proof(e) => e.reason(),
            Self::FutureRev { .. } => "future-rev",
            Self::Signature => "signature",
            Self::NoKey(_) => "no-key",
            Self::Identity(_) => "identity",
        }
    }
}

/// A commit whose blocks were hashed and whose object agrees with its frame.
pub(super) struct Opened<'f, 'a> {
    frame: &'f CommitFrame<'a>,
    car: CarSlice<'a>,
    object: CommitObject<'a>,
}

impl<'f, 'a> Opened<'f, 'a> {
    /// Reads the blocks of a frame.
    pub(super) fn read(frame: &'f CommitFrame<'a>) -> Result<Self, CommitError> {
        check_frame(frame)?;
        let car = CarSlice::read(frame.blocks)?;
        let object = commit_object(frame, &car)?;
        Ok(Self { frame, car, object })
    }

    /// Proves that the frame's operations are what led from `prevData` to the signed tree.
    pub(super) fn prove(&self) -> Result<(), CommitError> {
        Ok(proof::prove_commit(self.frame, &self.object, &self.car)?)
    }

    /// Whether the commit object is signed by this key.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let signed = self
            .car
            .get(&self.frame.commit)
            .and_then(|block| self.object.signed_bytes(block));
        signed.is_some_and(|bytes| key.verify(&bytes, self.object.sig).is_ok())
    }

    /// The wanted operations whose records the slice lacks.
    pub(super) fn missing_records(&self, scope: &Scope) -> Vec<RejectedOp> {
        let missing = wanted(self.frame, scope).filter(|op| self.lacks(op));
        let reason = "expected the record's block in the commit, got none";
        missing.map(|op| rejected(op, reason)).collect()
    }

    fn lacks(&self, op: &RepoOp<'_>) -> bool {
        op.action != OpAction::Delete && op.cid.is_some_and(|cid| self.car.get(&cid).is_none())
    }

    /// The entry: wanted operations with their records, those that cannot be used with reasons. A proven commit leaves
    /// out those of [`Self::missing_records`]: they are in the repository.
    pub(super) fn entry(&self, scope: &Scope, source: &Source, trust: Trust) -> Commit {
        let frame = self.frame;
        let mut commit = Commit {
            did: frame.repo.clone(),
            rev: frame.rev,
            since: frame.since,
            data: Some(self.object.data),
            trust,
            source: source.clone(),
            seq: frame.seq,
            ops: Vec::with_capacity(frame.ops.len()),
            rejected: Vec::new(),
        };
        let fetched = |op: &RepoOp<'_>| trust == Trust::Verified && self.lacks(op);
        for op in wanted(frame, scope).filter(|op| !fetched(op)) {
            match read_op(op, &self.car) {
                Ok(op) => commit.ops.push(op),
                Err(reason) => commit.rejected.push(rejected(op, reason)),
            }
        }
        commit
    }
}

/// The operations that somebody wants. The collection alone decides, so that a wanted record with a bad key is
/// rejected and not overlooked.
pub(super) fn wanted<'f, 'a>(
    frame: &'f CommitFrame<'a>,
    scope: &'f Scope,
) -> impl Iterator<Item = &'f RepoOp<'a>> {
    frame.ops.iter().filter(|op| {
        let collection = op.path.split_once('/').map_or(op.path, |(c, _)| c);
        scope.wants(collection)
    })
}

/// An operation that cannot be used, with why.
pub(super) fn rejected(op: &RepoOp<'_>, reason: impl Into<String>) -> RejectedOp {
    RejectedOp {
        path: op.path.chars().take(1_024).collect(),
        reason: reason.into(),
    }
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
