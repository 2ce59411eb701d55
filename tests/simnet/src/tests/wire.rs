//! Frames as serde_ipld_dagcbor reads and writes them.

use ipld_core::cid::Cid;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;

use crate::Frame;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) t: String,
    pub(super) op: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Commit {
    pub(super) seq: u64,
    pub(super) rebase: bool,
    pub(super) too_big: bool,
    pub(super) repo: String,
    pub(super) commit: Cid,
    pub(super) rev: String,
    pub(super) since: Option<String>,
    pub(super) blocks: ByteBuf,
    pub(super) ops: Vec<Op>,
    pub(super) blobs: Vec<Cid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prev_data: Option<Cid>,
    pub(super) time: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Op {
    pub(super) action: String,
    pub(super) path: String,
    pub(super) cid: Option<Cid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prev: Option<Cid>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sync {
    pub(super) seq: u64,
    pub(super) did: String,
    pub(super) blocks: ByteBuf,
    pub(super) rev: String,
    pub(super) time: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) seq: u64,
    pub(super) did: String,
    pub(super) time: String,
    pub(super) handle: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) seq: u64,
    pub(super) did: String,
    pub(super) time: String,
    pub(super) active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<String>,
}

#[derive(Debug)]
pub(super) enum Event {
    Commit(Box<Commit>),
    Sync(Sync),
    Identity(Identity),
    Account(Account),
}

/// Decodes a frame and proves that it is what the other library would have written.
pub(super) fn decode(frame: &Frame) -> Event {
    let mut rest: &[u8] = &frame.bytes;
    let header: Header = serde_ipld_dagcbor::de::from_reader_once(&mut rest).unwrap();
    assert_eq!((header.op, header.t.as_str()), (1, frame.kind));
    let mut again = serde_ipld_dagcbor::to_vec(&header).unwrap();
    let event = match frame.kind {
        "#commit" => Event::Commit(Box::new(payload(rest, &mut again))),
        "#sync" => Event::Sync(payload(rest, &mut again)),
        "#identity" => Event::Identity(payload(rest, &mut again)),
        "#account" => Event::Account(payload(rest, &mut again)),
        other => panic!("a frame of type {other}"),
    };
    assert!(again == frame.bytes, "not canonical: {event:?}");
    event
}

fn payload<T: Serialize + DeserializeOwned>(rest: &[u8], again: &mut Vec<u8>) -> T {
    let payload: T = serde_ipld_dagcbor::from_slice(rest).unwrap();
    again.extend(serde_ipld_dagcbor::to_vec(&payload).unwrap());
    payload
}
