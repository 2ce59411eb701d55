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
    /// What it changed, in path order.
    pub ops: Vec<Op>,
    /// CAR slice: the commit, every new tree node, the nodes that inversion needs, every new record.
    pub blocks: Vec<u8>,
}
