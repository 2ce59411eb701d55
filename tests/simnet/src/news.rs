//! What truly happened in an event, for those who tell it in another form than the frame.

use bytes::Bytes;
use shrike::cbor::Cid;

use crate::account::Status;
use crate::commit::Commit;
use crate::repository::Repository;

/// One event of one account.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) did: String,
    /// As in the frame.
    pub(crate) time: String,
    /// When it happened (us since 1970).
    pub(crate) time_us: u64,
    pub(crate) what: What,
}

/// What an event says.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Commit { rev: String, ops: Vec<RecordOp> },
    Identity { handle: String },
    Account { status: Status },
    Sync,
}

/// One operation of a commit, with the record that it leaves.
#[derive(Clone, Debug)]
pub(crate) struct RecordOp {
    pub(crate) path: String,
    pub(crate) action: &'static str,
    pub(crate) record: Option<(Cid, Bytes)>,
}

impl What {
    /// A commit that was just applied; entries that no consumer can use are left out.
    pub(crate) fn commit(commit: &Commit, repository: &Repository) -> What {
        let ops = commit.ops.iter().filter_map(|op| {
            let record = repository.record(&op.path);
            let record = record.map(|(cid, bytes)| (cid, bytes.clone()));
            // A delete leaves no record; anything else without one is unusable.
            (record.is_some() == op.cid.is_some()).then(|| RecordOp {
                path: op.path.clone(),
                action: op.action(),
                record,
            })
        });
        What::Commit {
            rev: commit.rev.to_string(),
            ops: ops.collect(),
        }
    }
}
