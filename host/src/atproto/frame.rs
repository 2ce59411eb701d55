//! Messages of `com.atproto.sync.subscribeRepos`: a header and a payload, two DAG-CBOR items \[event stream\].
//!
//! Guarantees: both items are strict DAG-CBOR within the bounds of [`crate::limits`] and nothing follows them; the
//! fields of a commit, sync, identity or account message have their shapes. Unknown fields are ignored; a message
//! of an unknown type or operation is [`Frame::Unknown`] and no error, and its payload is not looked at. Does not
//! read `blocks` ([`super::car`] does), and leaves an operation's path as it came.

mod hint;
mod wire;

pub use hint::{Hint, hint, seq_hint};

use super::cbor::{self, CborError};
use super::{Cid, Did, SyntaxError, Tid};
use crate::fault::{Class, Classify};
use crate::limits;

/// Why a message is not a frame that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The message is too long.
    #[error(
        "expected a frame of at most {} bytes, got {got}",
        limits::FRAME_BYTES_MAX
    )]
    TooLong {
        /// What came.
        got: usize,
    },
    /// Header or payload is not DAG-CBOR.
    #[error("in a frame's {part}: {source}")]
    Cbor {
        /// `header` or `payload`; offsets count from its first byte.
        part: &'static str,
        /// What came.
        source: CborError,
    },
    /// A field is missing or of another type.
    #[error("expected the fields of a {kind}, got: {message}")]
    Shape {
        /// The message's type.
        kind: &'static str,
        /// What came.
        message: String,
    },
    /// A field's text is malformed.
    #[error("in a frame's {field}: {source}")]
    Field {
        /// Which.
        field: &'static str,
        /// What came.
        source: SyntaxError,
    },
    /// A sequence number out of range.
    #[error("expected a seq from 1 to {}, got {got}", limits::SEQ_MAX)]
    Seq {
        /// What came.
        got: i64,
    },
    /// A commit with too many operations.
    #[error(
        "expected at most {} ops in a commit, got {got}",
        limits::COMMIT_OPS_MAX
    )]
    Ops {
        /// What came.
        got: usize,
    },
    /// A commit or sync with too many bytes of blocks.
    #[error(
        "expected at most {} bytes of blocks, got {got}",
        limits::COMMIT_BLOCKS_BYTES_MAX
    )]
    Blocks {
        /// What came.
        got: usize,
    },
}

impl Classify for FrameError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// One message. Borrows the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A repository changed.
    Commit(CommitFrame<'a>),
    /// A repository's state was declared anew.
    Sync(SyncFrame<'a>),
    /// A handle or key may have changed.
    Identity(IdentityFrame<'a>),
    /// A hosting status.
    Account(AccountFrame<'a>),
    /// Something about the stream itself, such as `OutdatedCursor`.
    Info {
        /// Open vocabulary.
        name: &'a str,
        /// For people.
        message: Option<&'a str>,
    },
    /// Upstream refuses, such as `FutureCursor`, and will close.
    Error {
        /// Open vocabulary.
        error: &'a str,
        /// For people.
        message: Option<&'a str>,
    },
    /// A type or operation that this version does not know: to be ignored.
    Unknown {
        /// The header's operation.
        op: i64,
        /// The header's type, if it has one.
        t: Option<&'a str>,
    },
}

/// `#commit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFrame<'a> {
    /// Its number in the stream.
    pub seq: i64,
    /// Whose repository.
    pub repo: Did,
    /// The revision after this commit.
    pub rev: Tid,
    /// The revision before; none for a repository's first commit.
    pub since: Option<Tid>,
    /// The commit object's CID.
    pub commit: Cid,
    /// A CAR with the commit object and what it changed.
    pub blocks: &'a [u8],
    /// What it did, in order.
    pub ops: Vec<RepoOp<'a>>,
    /// The tree's root before; absent from upstreams older than Sync 1.1.
    pub prev_data: Option<Cid>,
    /// When upstream received it, as it came; empty when it said nothing.
    pub time: &'a str,
    /// Blocks and ops were left out (no longer sent today).
    pub too_big: bool,
}

/// One operation as the frame tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepoOp<'a> {
    /// What happened.
    pub action: OpAction,
    /// `collection/rkey`, unchecked: see [`super::syntax::split_path`].
    pub path: &'a str,
    /// The record now; none for a delete.
    pub cid: Option<Cid>,
    /// The record before; absent from upstreams older than Sync 1.1.
    pub prev: Option<Cid>,
}

/// What an operation says it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpAction {
    /// A new record.
    Create,
    /// A record's new content.
    Update,
    /// A record is gone.
    Delete,
}

/// `#sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncFrame<'a> {
    /// Its number in the stream.
    pub seq: i64,
    /// Whose repository.
    pub did: Did,
    /// The current revision.
    pub rev: Tid,
    /// A CAR with the commit object.
    pub blocks: &'a [u8],
    /// When upstream received it, as it came.
    pub time: &'a str,
}

/// `#identity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFrame<'a> {
    /// Its number in the stream.
    pub seq: i64,
    /// Whose.
    pub did: Did,
    /// As claimed upstream; not verified.
    pub handle: Option<&'a str>,
    /// When upstream received it, as it came.
    pub time: &'a str,
}

/// `#account`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFrame<'a> {
    /// Its number in the stream.
    pub seq: i64,
    /// Whose.
    pub did: Did,
    /// Visibility follows this flag alone.
    pub active: bool,
    /// Open vocabulary.
    pub status: Option<&'a str>,
    /// When upstream received it, as it came.
    pub time: &'a str,
}

/// The header of nearly every message: `{t: "#commit", op: 1}`.
const COMMIT_HEADER: &[u8] = b"\xa2\x61t\x67#commit\x62op\x01";

impl<'a> Frame<'a> {
    /// Reads one message.
    ///
    /// # Errors
    /// When the message is too long, not two strict DAG-CBOR items, or a known type without its fields.
    /// [`hint`] may still tell whose it was.
    pub fn decode(message: &'a [u8]) -> Result<Self, FrameError> {
        if message.len() > limits::FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { got: message.len() });
        }
        if let Some(payload) = message.strip_prefix(COMMIT_HEADER) {
            return wire::commit(payload);
        }
        let (header, payload) = split(message)?;
        match (header.op, header.t) {
            (1, Some("#commit")) => wire::commit(payload),
            (1, Some("#sync")) => wire::sync(payload),
            (1, Some("#identity")) => wire::identity(payload),
            (1, Some("#account")) => wire::account(payload),
            (1, Some("#info")) => wire::info(payload),
            (-1, _) => wire::error(payload),
            (op, t) => Ok(Self::Unknown { op, t }),
        }
    }

    /// Its number in the stream; none for what carries no number.
    #[must_use]
    pub fn seq(&self) -> Option<i64> {
        match self {
            Self::Commit(f) => Some(f.seq),
            Self::Sync(f) => Some(f.seq),
            Self::Identity(f) => Some(f.seq),
            Self::Account(f) => Some(f.seq),
            Self::Info { .. } | Self::Error { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// Cuts a message into its header, read, and its payload, not yet looked at.
fn split(message: &[u8]) -> Result<(wire::Header<'_>, &[u8]), FrameError> {
    let cbor_error = |source| FrameError::Cbor {
        part: "header",
        source,
    };
    let len = cbor::item_len(message).map_err(cbor_error)?;
    let (header, payload) = message.split_at(len);
    let header = serde_ipld_dagcbor::from_slice(header).map_err(|e| FrameError::Shape {
        kind: "frame header (op, t)",
        message: e.to_string(),
    })?;
    Ok((header, payload))
}

#[cfg(test)]
mod tests;
