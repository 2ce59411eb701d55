//! Payloads as they come, and what is checked before they count.

use serde::Deserialize;

use super::{
    AccountFrame, CommitFrame, Frame, FrameError, IdentityFrame, OpAction, RepoOp, SyncFrame,
};
use crate::atproto::{Cid, Did, SyntaxError, Tid, cbor};
use crate::limits::{COMMIT_BLOCKS_BYTES_MAX, COMMIT_OPS_MAX, SEQ_MAX};

#[derive(Deserialize)]
pub(super) struct Header<'a> {
    pub(super) op: i64,
    #[serde(borrow, default)]
    pub(super) t: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit<'a> {
    seq: i64,
    repo: &'a str,
    rev: &'a str,
    #[serde(default)]
    since: Option<&'a str>,
    commit: Cid,
    #[serde(with = "serde_bytes")]
    blocks: &'a [u8],
    #[serde(borrow)]
    ops: Vec<Op<'a>>,
    #[serde(default)]
    prev_data: Option<Cid>,
    #[serde(default)]
    time: &'a str,
    #[serde(default)]
    too_big: bool,
}

#[derive(Deserialize)]
struct Op<'a> {
    action: OpAction,
    path: &'a str,
    #[serde(default)]
    cid: Option<Cid>,
    #[serde(default)]
    prev: Option<Cid>,
}

#[derive(Deserialize)]
struct Sync<'a> {
    seq: i64,
    did: &'a str,
    rev: &'a str,
    #[serde(with = "serde_bytes")]
    blocks: &'a [u8],
    #[serde(default)]
    time: &'a str,
}

#[derive(Deserialize)]
struct Identity<'a> {
    seq: i64,
    did: &'a str,
    #[serde(borrow, default)]
    handle: Option<&'a str>,
    #[serde(default)]
    time: &'a str,
}

#[derive(Deserialize)]
struct Account<'a> {
    seq: i64,
    did: &'a str,
    active: bool,
    #[serde(borrow, default)]
    status: Option<&'a str>,
    #[serde(default)]
    time: &'a str,
}

#[derive(Deserialize)]
struct Info<'a> {
    name: &'a str,
    #[serde(borrow, default)]
    message: Option<&'a str>,
}

#[derive(Deserialize)]
struct Error<'a> {
    error: &'a str,
    #[serde(borrow, default)]
    message: Option<&'a str>,
}

pub(super) fn commit(payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let wire: Commit<'_> = read("#commit", payload)?;
    if wire.ops.len() > COMMIT_OPS_MAX {
        return Err(FrameError::Ops {
            got: wire.ops.len(),
        });
    }
    let ops = wire.ops.into_iter().map(|op| RepoOp {
        action: op.action,
        path: op.path,
        cid: op.cid,
        prev: op.prev,
    });
    Ok(Frame::Commit(CommitFrame {
        seq: seq(wire.seq)?,
        repo: Did::parse(wire.repo).map_err(field("repo"))?,
        rev: Tid::parse(wire.rev).map_err(field("rev"))?,
        since: wire
            .since
            .map(Tid::parse)
            .transpose()
            .map_err(field("since"))?,
        commit: wire.commit,
        blocks: blocks(wire.blocks)?,
        ops: ops.collect(),
        prev_data: wire.prev_data,
        time: wire.time,
        too_big: wire.too_big,
    }))
}

pub(super) fn sync(payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let wire: Sync<'_> = read("#sync", payload)?;
    Ok(Frame::Sync(SyncFrame {
        seq: seq(wire.seq)?,
        did: Did::parse(wire.did).map_err(field("did"))?,
        rev: Tid::parse(wire.rev).map_err(field("rev"))?,
        blocks: blocks(wire.blocks)?,
        time: wire.time,
    }))
}

pub(super) fn identity(payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let wire: Identity<'_> = read("#identity", payload)?;
    Ok(Frame::Identity(IdentityFrame {
        seq: seq(wire.seq)?,
        did: Did::parse(wire.did).map_err(field("did"))?,
        handle: wire.handle,
        time: wire.time,
    }))
}

pub(super) fn account(payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let wire: Account<'_> = read("#account", payload)?;
    Ok(Frame::Account(AccountFrame {
        seq: seq(wire.seq)?,
        did: Did::parse(wire.did).map_err(field("did"))?,
        active: wire.active,
        status: wire.status,
        time: wire.time,
    }))
}

pub(super) fn info(payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Info { name, message } = read("#info", payload)?;
    Ok(Frame::Info { name, message })
}

pub(super) fn error(payload: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Error { error, message } = read("error frame", payload)?;
    Ok(Frame::Error { error, message })
}

/// Strict check first: it bounds what the typed reading may build.
fn read<'a, T: Deserialize<'a>>(kind: &'static str, payload: &'a [u8]) -> Result<T, FrameError> {
    cbor::check_one(payload).map_err(|source| FrameError::Cbor {
        part: "payload",
        source,
    })?;
    serde_ipld_dagcbor::from_slice(payload).map_err(|e| FrameError::Shape {
        kind,
        message: e.to_string(),
    })
}

fn seq(seq: i64) -> Result<i64, FrameError> {
    if (1..=SEQ_MAX).contains(&seq) {
        Ok(seq)
    } else {
        Err(FrameError::Seq { got: seq })
    }
}

fn blocks(blocks: &[u8]) -> Result<&[u8], FrameError> {
    if blocks.len() > COMMIT_BLOCKS_BYTES_MAX {
        return Err(FrameError::Blocks { got: blocks.len() });
    }
    Ok(blocks)
}

fn field(field: &'static str) -> impl Fn(SyntaxError) -> FrameError {
    move |source| FrameError::Field { field, source }
}
