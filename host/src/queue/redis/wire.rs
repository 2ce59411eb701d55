//! An entry as bytes: a version, then DAG-CBOR.
//!
//! Guarantees: what is encoded is decoded equal; bytes that are not an entry of this version are an error, never an
//! entry. Only a queue holds these bytes, and a new host opens a new epoch: a version need not be read by the next.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use crate::atproto::{Cid, Did, Nsid, RecordKey, Tid};
use crate::entry::{
    AccountEvent, Action, BackfillMark, Commit, Desync, Entry, Erase, IdentityEvent, Op, Records,
    RejectedOp, Resynced, Source, Trust,
};

/// The first byte.
pub(super) const VERSION: u8 = 1;

/// Bytes that are not an entry.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct WireError(String);

/// Encodes an entry.
///
/// # Errors
/// When the encoder refuses, which it has no reason to.
pub(super) fn encode(entry: &Entry) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(256);
    out.push(VERSION);
    serde_ipld_dagcbor::to_writer(&mut out, &Wire::from(entry))
        .map_err(|error| WireError(error.to_string()))?;
    Ok(out)
}

/// Decodes an entry.
///
/// # Errors
/// When it is of another version, or not one.
pub(super) fn decode(bytes: &[u8]) -> Result<Entry, WireError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => {
            let wire: Wire<'_> = serde_ipld_dagcbor::from_slice(rest).map_err(of)?;
            wire.try_into()
        }
        Some((version, _)) => Err(WireError(format!(
            "expected version {VERSION}, got {version}"
        ))),
        None => Err(WireError("expected an entry, got nothing".into())),
    }
}

fn of(error: impl std::fmt::Display) -> WireError {
    WireError(error.to_string())
}

/// Tuples: without names, an entry of usual size is a third smaller.
#[derive(Serialize, Deserialize)]
enum Wire<'a> {
    /// DID, rev, since, data, trust, source, seq, operations, rejected ones.
    #[serde(rename = "c")]
    Commit(
        &'a str,
        &'a str,
        Option<&'a str>,
        Option<&'a Raw>,
        i64,
        &'a str,
        i64,
        Vec<WireOp<'a>>,
        Vec<(&'a str, &'a str)>,
    ),
    /// DID, rev, trust, operations, rejected ones.
    #[serde(rename = "r")]
    Records(
        &'a str,
        &'a str,
        i64,
        Vec<WireOp<'a>>,
        Vec<(&'a str, &'a str)>,
    ),
    /// DID, rev, data.
    #[serde(rename = "s")]
    Resynced(&'a str, &'a str, &'a Raw),
    /// DID.
    #[serde(rename = "g")]
    Resyncing(&'a str),
    /// DID, active, status, source, seq.
    #[serde(rename = "a")]
    Account(&'a str, bool, Option<&'a str>, &'a str, i64),
    /// DID, handle, source, seq.
    #[serde(rename = "i")]
    Identity(&'a str, Option<&'a str>, &'a str, i64),
    /// DID, reason, rev, follow, lost operations, source, seq.
    #[serde(rename = "d")]
    Desync(
        &'a str,
        &'a str,
        Option<&'a str>,
        bool,
        Vec<(&'a str, &'a str)>,
        &'a str,
        i64,
    ),
    /// DID, source, seq.
    #[serde(rename = "e")]
    Erase(&'a str, &'a str, i64),
    /// Job, cursor, listed.
    #[serde(rename = "b")]
    Backfill(&'a str, Option<&'a str>, u64),
    /// Source, seq.
    #[serde(rename = "m")]
    Mark(&'a str, i64),
}

/// Collection, record key, and CID and body where the record is put.
#[derive(Serialize, Deserialize)]
struct WireOp<'a>(&'a str, &'a str, Option<(&'a Raw, &'a Raw)>);

impl<'a> From<&'a Entry> for Wire<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry {
            Entry::Commit(c) => Self::Commit(
                c.did.as_str(),
                c.rev.as_str(),
                c.since.as_ref().map(Tid::as_str),
                c.data.as_ref().map(cid),
                c.trust.as_i64(),
                &c.source.0,
                c.seq,
                c.ops.iter().map(WireOp::from).collect(),
                rejected(&c.rejected),
            ),
            Entry::Records(r) => Self::Records(
                r.did.as_str(),
                r.rev.as_str(),
                r.trust.as_i64(),
                r.ops.iter().map(WireOp::from).collect(),
                rejected(&r.rejected),
            ),
            Entry::Resynced(r) => Self::Resynced(r.did.as_str(), r.rev.as_str(), cid(&r.data)),
            Entry::Resyncing { did } => Self::Resyncing(did.as_str()),
            Entry::Account(a) => Self::Account(
                a.did.as_str(),
                a.active,
                a.status.as_deref(),
                &a.source.0,
                a.seq,
            ),
            Entry::Identity(i) => {
                Self::Identity(i.did.as_str(), i.handle.as_deref(), &i.source.0, i.seq)
            }
            Entry::Desync(d) => Self::Desync(
                d.did.as_str(),
                &d.reason,
                d.rev.as_ref().map(Tid::as_str),
                d.follow,
                rejected(&d.lost),
                &d.source.0,
                d.seq,
            ),
            Entry::Erase(e) => Self::Erase(e.did.as_str(), &e.source.0, e.seq),
            Entry::Backfill(b) => Self::Backfill(&b.job, b.cursor.as_deref(), b.listed),
            Entry::Mark { source, seq } => Self::Mark(&source.0, *seq),
        }
    }
}

impl<'a> From<&'a Op> for WireOp<'a> {
    fn from(op: &'a Op) -> Self {
        let put = match &op.action {
            Action::Put { cid: c, body } => Some((cid(c), Raw::new(body))),
            Action::Delete => None,
        };
        Self(op.collection.as_str(), op.rkey.as_str(), put)
    }
}

fn cid(cid: &Cid) -> &Raw {
    Raw::new(cid.as_bytes())
}

fn rejected(ops: &[RejectedOp]) -> Vec<(&str, &str)> {
    ops.iter()
        .map(|op| (op.path.as_str(), op.reason.as_str()))
        .collect()
}

impl TryFrom<Wire<'_>> for Entry {
    type Error = WireError;

    fn try_from(wire: Wire<'_>) -> Result<Self, WireError> {
        Ok(match wire {
            Wire::Commit(did, rev, since, data, trust, source, seq, ops, rejected) => {
                Self::Commit(Commit {
                    did: read_did(did)?,
                    rev: read_tid(rev)?,
                    since: since.map(read_tid).transpose()?,
                    data: data.map(read_cid).transpose()?,
                    trust: read_trust(trust)?,
                    source: read_source(source),
                    seq,
                    ops: read_ops(ops)?,
                    rejected: read_rejected(rejected),
                })
            }
            Wire::Records(did, rev, trust, ops, rejected) => Self::Records(Records {
                did: read_did(did)?,
                rev: read_tid(rev)?,
                trust: read_trust(trust)?,
                ops: read_ops(ops)?,
                rejected: read_rejected(rejected),
            }),
            Wire::Resynced(did, rev, data) => Self::Resynced(Resynced {
                did: read_did(did)?,
                rev: read_tid(rev)?,
                data: read_cid(data)?,
            }),
            Wire::Resyncing(did) => Self::Resyncing {
                did: read_did(did)?,
            },
            Wire::Account(did, active, status, source, seq) => Self::Account(AccountEvent {
                did: read_did(did)?,
                active,
                status: status.map(str::to_owned),
                source: read_source(source),
                seq,
            }),
            Wire::Identity(did, handle, source, seq) => Self::Identity(IdentityEvent {
                did: read_did(did)?,
                handle: handle.map(str::to_owned),
                source: read_source(source),
                seq,
            }),
            Wire::Desync(did, reason, rev, follow, lost, source, seq) => Self::Desync(Desync {
                did: read_did(did)?,
                reason: reason.to_owned(),
                rev: rev.map(read_tid).transpose()?,
                follow,
                lost: read_rejected(lost),
                source: read_source(source),
                seq,
            }),
            Wire::Erase(did, source, seq) => Self::Erase(Erase {
                did: read_did(did)?,
                source: read_source(source),
                seq,
            }),
            Wire::Backfill(job, cursor, listed) => Self::Backfill(BackfillMark {
                job: job.into(),
                cursor: cursor.map(str::to_owned),
                listed,
            }),
            Wire::Mark(source, seq) => Self::Mark {
                source: read_source(source),
                seq,
            },
        })
    }
}

fn read_did(text: &str) -> Result<Did, WireError> {
    Did::parse(text).map_err(of)
}

fn read_tid(text: &str) -> Result<Tid, WireError> {
    Tid::parse(text).map_err(of)
}

fn read_cid(bytes: &Raw) -> Result<Cid, WireError> {
    Cid::from_bytes(bytes).map_err(of)
}

fn read_source(text: &str) -> Source {
    Source(text.into())
}

fn read_trust(number: i64) -> Result<Trust, WireError> {
    [Trust::UnverifiedStream, Trust::Hashed, Trust::Verified]
        .into_iter()
        .find(|trust| trust.as_i64() == number)
        .ok_or_else(|| WireError(format!("there is no trust {number}")))
}

fn read_ops(ops: Vec<WireOp<'_>>) -> Result<Vec<Op>, WireError> {
    let op = |WireOp(collection, rkey, put): WireOp<'_>| {
        let action = match put {
            Some((cid, body)) => Action::Put {
                cid: read_cid(cid)?,
                body: Bytes::copy_from_slice(body),
            },
            None => Action::Delete,
        };
        Ok(Op {
            collection: Nsid::parse(collection).map_err(of)?,
            rkey: RecordKey::parse(rkey).map_err(of)?,
            action,
        })
    };
    ops.into_iter().map(op).collect()
}

fn read_rejected(ops: Vec<(&str, &str)>) -> Vec<RejectedOp> {
    ops.into_iter()
        .map(|(path, reason)| RejectedOp {
            path: path.to_owned(),
            reason: reason.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
