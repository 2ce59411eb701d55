//! What `ingest` hands on to the archive: one entry is one event of one account, with the bytes somebody wants.
//!
//! Guarantees: an entry is self-contained (no frame is needed to apply it) and says how far its content was
//! proven. It does not say which partition it belongs to: that is [`partition_of`] its DID.

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
    /// The frame decoded and every block hashed to its CID; signature and tree are not checked.
    Hashed,
}

impl Trust {
    /// The number stored with a record.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        match self {
            Self::Hashed => 1,
        }
    }
}

/// Where an event came from: the upstream's URL, or a file's name. A cursor belongs to its source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(pub std::sync::Arc<str>);

/// One event on its way into the archive.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A commit with its wanted operations.
    Commit(Commit),
    /// A hosting status. Carries no rev, so `(source, seq)` orders it.
    Account(AccountEvent),
    /// A handle or key may have changed.
    Identity(IdentityEvent),
    /// Something in this account's stream could not be read: what the archive holds of it may be stale.
    Desync(Desync),
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
            Self::Account(a) => Some(&a.did),
            Self::Identity(i) => Some(&i.did),
            Self::Desync(d) => Some(&d.did),
            Self::Mark { .. } => None,
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
                    + c.rejected.iter().map(|r| 64 + r.path.len()).sum::<usize>()
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
