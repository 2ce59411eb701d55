//! A commit as the event stream carries it.

use shrike::cbor::Cid;
use shrike::syntax::Tid;

/// One mutation of a record in a commit. At least one of `cid` and `prev` is there:
/// only `cid` is a create, both an update, only `prev` a delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// `collection/rkey`.
    pub path: String,
    /// The record after the commit.
    pub cid: Option<Cid>,
    /// The record before the commit.
    pub prev: Option<Cid>,
}

impl Op {
    /// `create`, `update` or `delete`.
    pub fn action(&self) -> &'static str {
        match (&self.prev, &self.cid) {
            (None, _) => "create",
            (Some(_), Some(_)) => "update",
            (Some(_), None) => "delete",
        }
    }
}

/// A signed commit with what Sync 1.1 says of it.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The commit block's CID.
    pub cid: Cid,
    /// Its revision.
    pub rev: Tid,
    /// The revision before it; none for a repository's first commit.
    pub since: Option<Tid>,
    /// The tree's root before it; none for a repository's first commit.
    pub prev_data: Option<Cid>,
    /// The tree's root after it.
    pub data: Cid,
    /// What it changed, in path order.
    pub ops: Vec<Op>,
    /// CAR slice: the commit, every new tree node, the nodes that inversion needs, every new record.
    pub blocks: Vec<u8>,
}

/// What a `#commit` frame says, true or not.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) repo: String,
    pub(crate) commit: Cid,
    pub(crate) rev: String,
    pub(crate) since: Option<String>,
    pub(crate) prev_data: Option<Cid>,
    pub(crate) ops: Vec<Op>,
    pub(crate) blocks: Vec<u8>,
}

impl Envelope {
    /// What is true of a commit.
    pub(crate) fn of(did: &str, commit: &Commit) -> Envelope {
        Envelope {
            repo: did.to_owned(),
            commit: commit.cid,
            rev: commit.rev.to_string(),
            since: commit.since.map(|since| since.to_string()),
            prev_data: commit.prev_data,
            ops: commit.ops.clone(),
            blocks: commit.blocks.clone(),
        }
    }
}
