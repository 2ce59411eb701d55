//! What `ingest` hands on to the archive: one entry is one event of one account, with the bytes somebody wants.
//!
//! Guarantees: an entry is self-contained (no frame is needed to apply it) and says how far its content was
//! proven. It does not say which partition it belongs to: that is [`partition_of`] its DID.

use std::sync::Arc;

use bytes::Bytes;

use crate::atproto::{Cid, Did, Nsid, RecordKey, Tid};

/// A partition's number, `0..P`. P is fixed when a store is created.
pub type Partition = u16;

/// The partition that an account's events go through; stable for the life of a store.
#[must_use]
pub fn partition_of(did: &Did, partitions: u16) -> Partition {
    // FNV-1a: stable across versions of Rust and of Aviary, unlike the standard hasher.
    let hash = did
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
    u16::try_from(hash % u64::from(partitions.max(1))).unwrap_or(0)
}

/// How far an entry's content was proven before it was handed on. Stored with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trust {
    /// Another service's word, without bytes to check (Jetstream).
    UnverifiedStream,
    /// The frame decoded and every block hashed to its CID; signature and tree are not checked.
    Hashed,
    /// Signed by the account's key, and proven by the repository's tree.
    Verified,
}

impl Trust {
    /// The number stored with a record.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        match self {
            Self::UnverifiedStream => 0,
            Self::Hashed => 1,
            Self::Verified => 2,
        }
    }

    /// The word shown to people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::UnverifiedStream => "unverified-stream",
            Self::Hashed => "hashed",
            Self::Verified => "verified",
        }
    }
}

/// Where an event came from: the upstream's URL, or a file's name. A cursor belongs to its source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(pub Arc<str>);

/// One event on its way into the archive.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A commit with its wanted operations. Moves its repository's chain on.
    Commit(Commit),
    /// Records outside the chain: a chunk of a snapshot, or one operation of a stream without commits.
    Records(Records),
    /// All chunks of a snapshot are before this: the repository's chain goes on from here.
    Resynced(Resynced),
    /// A repository's snapshot is being fetched.
    Resyncing {
        /// Whose.
        did: Did,
    },
    /// A hosting status. Carries no rev, so `(source, seq)` orders it.
    Account(AccountEvent),
    /// A handle or key may have changed.
    Identity(IdentityEvent),
    /// Something in this account's stream could not be read or proven: what the archive holds of it may be stale.
    Desync(Desync),
    /// The account's host confirmed that it is deleted: everything of it goes.
    Erase(Erase),
    /// How far a backfill's listing came: every repository on the pages before is in the queue before this.
    Backfill(BackfillMark),
    /// Every event of `source` up to `seq` that hashes to this partition has been appended before this entry.
    Mark {
        /// Whose cursor.
        source: Source,
        /// Upstream sequence number.
        seq: i64,
    },
}

impl Entry {
    /// The account an entry is about; none for a mark.
    #[must_use]
    pub fn did(&self) -> Option<&Did> {
        match self {
            Self::Commit(c) => Some(&c.did),
            Self::Records(r) => Some(&r.did),
            Self::Resynced(r) => Some(&r.did),
            Self::Resyncing { did } => Some(did),
            Self::Erase(e) => Some(&e.did),
            Self::Account(a) => Some(&a.did),
            Self::Identity(i) => Some(&i.did),
            Self::Desync(d) => Some(&d.did),
            Self::Mark { .. } | Self::Backfill(_) => None,
        }
    }

    /// What an entry costs in memory, for bounds on queues (bytes, approximate).
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const FIXED_BYTES: usize = 256;
        match self {
            Self::Commit(c) => {
                FIXED_BYTES
                    + c.ops.iter().map(Op::size_bytes).sum::<usize>()
                    + c.rejected.iter().map(RejectedOp::size_bytes).sum::<usize>()
            }
            Self::Records(r) => {
                FIXED_BYTES
                    + r.ops.iter().map(Op::size_bytes).sum::<usize>()
                    + r.rejected.iter().map(RejectedOp::size_bytes).sum::<usize>()
            }
            Self::Desync(d) => {
                FIXED_BYTES + d.lost.iter().map(RejectedOp::size_bytes).sum::<usize>()
            }
            _ => FIXED_BYTES,
        }
    }
}

/// One commit of one repository, reduced to the operations that somebody wants.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose repository.
    pub did: Did,
    /// The commit's revision; a later commit's is greater.
    pub rev: Tid,
    /// The revision that this commit follows, as the frame says.
    pub since: Option<Tid>,
    /// The tree's root after this commit, from the commit object.
    pub data: Option<Cid>,
    /// How far it was proven.
    pub trust: Trust,
    /// Where it came from.
    pub source: Source,
    /// Its number there.
    pub seq: i64,
    /// Wanted operations, in frame order.
    pub ops: Vec<Op>,
    /// Wanted operations that could not be read, with reasons: they become host dead letters.
    pub rejected: Vec<RejectedOp>,
}

/// One operation on one record.
#[derive(Clone, Debug)]
pub struct Op {
    /// The record's collection.
    pub collection: Nsid,
    /// The record's key.
    pub rkey: RecordKey,
    /// What happened to it.
    pub action: Action,
}

impl Op {
    fn size_bytes(&self) -> usize {
        const FIXED_BYTES: usize = 160;
        match &self.action {
            Action::Put { body, .. } => FIXED_BYTES + body.len(),
            Action::Delete => FIXED_BYTES,
        }
    }
}

/// What an operation does: create and update are one thing, for rows follow the latest state.
#[derive(Clone, Debug)]
pub enum Action {
    /// The record now has this content.
    Put {
        /// The content's CID; the body hashes to it.
        cid: Cid,
        /// DAG-CBOR.
        body: Bytes,
    },
    /// The record is gone.
    Delete,
}

/// An operation that was wanted and could not be used.
#[derive(Clone, Debug)]
pub struct RejectedOp {
    /// `collection/rkey` as the frame had it, cut to 1,024 bytes.
    pub path: String,
    /// Why, in words an operator can act on.
    pub reason: String,
}

impl RejectedOp {
    fn size_bytes(&self) -> usize {
        64 + self.path.len() + self.reason.len()
    }
}

/// Operations that are ordered record by record: each is applied unless the archive has the record (or its
/// tombstone) at a later rev, or at the same rev with at least the same trust. The repository's chain stays.
#[derive(Clone, Debug)]
pub struct Records {
    /// Whose repository.
    pub did: Did,
    /// The revision that this is the state of.
    pub rev: Tid,
    /// How far it was proven.
    pub trust: Trust,
    /// Wanted operations, at most one for each record.
    pub ops: Vec<Op>,
    /// Wanted operations that could not be read, with reasons: they become host dead letters.
    pub rejected: Vec<RejectedOp>,
}

/// The end of a repository's snapshot.
#[derive(Clone, Debug)]
pub struct Resynced {
    /// Whose repository.
    pub did: Did,
    /// The snapshot's revision.
    pub rev: Tid,
    /// The tree's root at that revision.
    pub data: Cid,
}

/// A deletion that the account's host confirmed.
#[derive(Clone, Debug)]
pub struct Erase {
    /// Whose.
    pub did: Did,
    /// The source of the `#account` event that told of it: a later event of the account makes this void.
    pub source: Source,
    /// That event's number there.
    pub seq: i64,
}

/// How far the listing of a backfill came.
#[derive(Clone, Debug)]
pub struct BackfillMark {
    /// What is backfilled, such as `collection:xyz.statusphere.status@wss://relay.example`.
    pub job: Arc<str>,
    /// Where the listing goes on; opaque. `None` when it came to its end.
    pub cursor: Option<String>,
    /// Repositories listed so far.
    pub listed: u64,
}

/// A hosting status as upstream told it (`#account`).
#[derive(Clone, Debug)]
pub struct AccountEvent {
    /// Whose.
    pub did: Did,
    /// Visibility follows this flag alone.
    pub active: bool,
    /// Open vocabulary: `takendown`, `suspended`, `deleted`, `deactivated`, and what comes later.
    pub status: Option<String>,
    /// Where it came from.
    pub source: Source,
    /// Its number there.
    pub seq: i64,
}

/// An identity that may have changed (`#identity`).
#[derive(Clone, Debug)]
pub struct IdentityEvent {
    /// Whose.
    pub did: Did,
    /// As claimed upstream; not verified.
    pub handle: Option<String>,
    /// Where it came from.
    pub source: Source,
    /// Its number there.
    pub seq: i64,
}

/// An account's stream has a hole.
#[derive(Clone, Debug)]
pub struct Desync {
    /// Whose.
    pub did: Did,
    /// Why, for the operator.
    pub reason: String,
    /// The revision that the archive would need to have; none when not even that could be read.
    pub rev: Option<Tid>,
    /// Whether the repository is to be followed from now on, also when the archive holds nothing of it (a backfill).
    /// Otherwise a repository that is not followed has no state to mark.
    pub follow: bool,
    /// Wanted operations that are lost with it. When the repository has no state to mark, they become host dead
    /// letters; otherwise the resync brings them back.
    pub lost: Vec<RejectedOp>,
    /// Where it was seen.
    pub source: Source,
    /// Its number there.
    pub seq: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_stable_and_in_range() {
        let did = Did::parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
        assert_eq!(partition_of(&did, 1), 0);
        assert_eq!(partition_of(&did, 16), partition_of(&did, 16));
        assert!(partition_of(&did, 7) < 7);
    }
}
