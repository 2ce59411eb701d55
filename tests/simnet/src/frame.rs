//! Frames of `com.atproto.sync.subscribeRepos`: a DAG-CBOR header and a DAG-CBOR payload.
//!
//! Map keys are written in canonical order (shorter first, then by bytes), by hand, because the
//! order is the format.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use shrike::cbor::Encoder;

use crate::Result;
use crate::account::Status;
use crate::commit::{Envelope, Op};
use crate::news::News;
use crate::repository::Head;

type Out = Encoder<Vec<u8>>;

/// One event of the stream.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its sequence number.
    pub seq: u64,
    /// The WebSocket message.
    pub bytes: Bytes,
    /// `#commit`, `#sync`, `#identity` or `#account`.
    pub kind: &'static str,
    /// Where the CAR is in `bytes`, in a `#commit` or a `#sync`.
    pub car: Option<Range<usize>>,
    /// A forged message that is sent before this one, under the same seq.
    pub(crate) before: Option<Bytes>,
    /// Whether `before`, or the frame itself, is forged.
    pub(crate) forged: bool,
    /// What truly happened; none for a frame outside a world.
    pub(crate) news: Option<Arc<News>>,
}

impl Frame {
    pub(crate) fn commit(seq: u64, time: &str, said: &Envelope) -> Result<Frame> {
        let mut out = start("#commit", 11 + u64::from(said.prev_data.is_some()))?;
        out.encode_text("ops")?;
        out.encode_array_header(said.ops.len() as u64)?;
        for op in &said.ops {
            encode_op(&mut out, op)?;
        }
        text(&mut out, "rev", &said.rev)?;
        number(&mut out, "seq", seq)?;
        text(&mut out, "repo", &said.repo)?;
        text(&mut out, "time", time)?;
        out.encode_text("blobs")?;
        out.encode_array_header(0)?;
        out.encode_text("since")?;
        match &said.since {
            Some(since) => out.encode_text(since)?,
            None => out.encode_null()?,
        }
        let (mut out, car) = blocks(out, &said.blocks)?;
        out.encode_text("commit")?;
        out.encode_cid(&said.commit)?;
        out.encode_text("rebase")?;
        out.encode_bool(false)?;
        out.encode_text("tooBig")?;
        out.encode_bool(false)?;
        if let Some(prev_data) = &said.prev_data {
            out.encode_text("prevData")?;
            out.encode_cid(prev_data)?;
        }
        Ok(finish(seq, "#commit", out, Some(car)))
    }

    pub(crate) fn sync(seq: u64, did: &str, time: &str, head: &Head) -> Result<Frame> {
        let mut out = start("#sync", 5)?;
        text(&mut out, "did", did)?;
        text(&mut out, "rev", &head.rev.to_string())?;
        number(&mut out, "seq", seq)?;
        text(&mut out, "time", time)?;
        let car = crate::car::Car::new(head.cid, &head.block)?.finish();
        let (out, car) = blocks(out, &car)?;
        Ok(finish(seq, "#sync", out, Some(car)))
    }

    pub(crate) fn identity(seq: u64, did: &str, time: &str, handle: &str) -> Result<Frame> {
        let mut out = start("#identity", 4)?;
        text(&mut out, "did", did)?;
        number(&mut out, "seq", seq)?;
        text(&mut out, "time", time)?;
        text(&mut out, "handle", handle)?;
        Ok(finish(seq, "#identity", out, None))
    }

    pub(crate) fn account(seq: u64, did: &str, time: &str, status: Status) -> Result<Frame> {
        let active = status == Status::Active;
        let mut out = start("#account", 4 + u64::from(!active))?;
        text(&mut out, "did", did)?;
        number(&mut out, "seq", seq)?;
        text(&mut out, "time", time)?;
        out.encode_text("active")?;
        out.encode_bool(active)?;
        if !active {
            text(&mut out, "status", status.as_str())?;
        }
        Ok(finish(seq, "#account", out, None))
    }
}

/// An `#info` message; it has no sequence number.
pub(crate) fn info(name: &str, message: &str) -> Result<Bytes> {
    let mut out = start("#info", 2)?;
    text(&mut out, "name", name)?;
    text(&mut out, "message", message)?;
    Ok(out.into_inner().into())
}

/// An error frame; the server closes after it.
pub(crate) fn error(name: &str, message: &str) -> Result<Bytes> {
    let mut out = Encoder::new(Vec::new());
    out.encode_map_header(1)?;
    out.encode_text("op")?;
    out.encode_i64(-1)?;
    out.encode_map_header(2)?;
    text(&mut out, "error", name)?;
    text(&mut out, "message", message)?;
    Ok(out.into_inner().into())
}

/// A message of a type that no lexicon knows yet.
pub(crate) fn unknown() -> Result<Bytes> {
    let mut out = start("#unheardOf", 1)?;
    text(&mut out, "note", "a later version of the protocol")?;
    Ok(out.into_inner().into())
}

/// `frame` with another CAR in the place of its own.
pub(crate) fn with_car(frame: &Frame, car: &[u8]) -> Result<Bytes> {
    let Some(at) = frame.car.clone() else {
        return Ok(frame.bytes.clone());
    };
    let head_len = match at.len() {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    };
    let mut out = Encoder::new(frame.bytes[..at.start - head_len].to_vec());
    out.encode_bytes(car)?;
    let mut bytes = out.into_inner();
    bytes.extend_from_slice(&frame.bytes[at.end..]);
    Ok(bytes.into())
}

/// The header, and the payload's map of `keys` pairs begun.
fn start(kind: &str, keys: u64) -> Result<Out> {
    let mut out = Encoder::new(Vec::with_capacity(1_024));
    out.encode_map_header(2)?;
    text(&mut out, "t", kind)?;
    number(&mut out, "op", 1)?;
    out.encode_map_header(keys)?;
    Ok(out)
}

fn finish(seq: u64, kind: &'static str, out: Out, car: Option<Range<usize>>) -> Frame {
    let bytes = out.into_inner().into();
    Frame {
        seq,
        bytes,
        kind,
        car,
        before: None,
        forged: false,
        news: None,
    }
}

fn encode_op(out: &mut Out, op: &Op) -> Result<()> {
    out.encode_map_header(3 + u64::from(op.prev.is_some()))?;
    out.encode_text("cid")?;
    match &op.cid {
        Some(cid) => out.encode_cid(cid)?,
        None => out.encode_null()?,
    }
    text(out, "path", &op.path)?;
    if let Some(prev) = &op.prev {
        out.encode_text("prev")?;
        out.encode_cid(prev)?;
    }
    text(out, "action", op.action())
}

/// Writes `blocks` and says where the CAR then is.
fn blocks(mut out: Out, car: &[u8]) -> Result<(Out, Range<usize>)> {
    out.encode_text("blocks")?;
    out.encode_bytes(car)?;
    let written = out.into_inner();
    let end = written.len();
    Ok((Encoder::new(written), end - car.len()..end))
}

fn text(out: &mut Out, key: &str, value: &str) -> Result<()> {
    out.encode_text(key)?;
    Ok(out.encode_text(value)?)
}

fn number(out: &mut Out, key: &str, value: u64) -> Result<()> {
    out.encode_text(key)?;
    Ok(out.encode_u64(value)?)
}
