//! A seeded run of events over a few accounts, and what has to come of it, computed without the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aviary::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use aviary::entry::{
    AccountEvent, Action, Commit, Desync, Entry, IdentityEvent, Op, Partition, RejectedOp, Source,
    Trust, partition_of,
};
use aviary::store::{ArchiveUnit, Archived, Store, StoreError};
use bytes::Bytes;

/// SplitMix64: the same seed gives the same run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// The n-th TID.
pub(super) fn tid(n: u64) -> Tid {
    const DIGITS: &[u8] = b"234567abcdefghijklmnopqrstuvwxyz";
    let text: String = (0..13)
        .rev()
        .map(|i| char::from(DIGITS[usize::try_from((n >> (5 * i)) & 31).unwrap()]))
        .collect();
    Tid::parse(&text).unwrap()
}

pub(super) fn did(n: u64) -> Did {
    Did::parse(&format!("did:web:account{n}.example")).unwrap()
}

pub(super) fn collection(n: u64) -> Nsid {
    Nsid::parse(&format!("example.kind{n}.record")).unwrap()
}

pub(super) fn source() -> Source {
    Source("wss://relay.example".into())
}

/// A record's body: DAG-CBOR of a byte string, of this length and filled from the number.
pub(super) fn body(n: u64, len: u16) -> (Cid, Bytes) {
    let mut bytes = vec![0x59];
    bytes.extend(len.max(256).to_be_bytes());
    bytes.extend((0..len.max(256)).map(|i| n.to_be_bytes()[usize::from(i) % 8]));
    (Cid::of_dag_cbor(&bytes), bytes.into())
}

pub(super) fn put(coll: u64, rkey: &str, n: u64, len: u16) -> Op {
    let (cid, body) = body(n, len);
    Op {
        collection: collection(coll),
        rkey: RecordKey::parse(rkey).unwrap(),
        action: Action::Put { cid, body },
    }
}

pub(super) fn delete(coll: u64, rkey: &str) -> Op {
    Op {
        collection: collection(coll),
        rkey: RecordKey::parse(rkey).unwrap(),
        action: Action::Delete,
    }
}

pub(super) fn commit(account: u64, rev: u64, ops: Vec<Op>) -> Entry {
    Entry::Commit(Commit {
        did: did(account),
        rev: tid(rev),
        since: None,
        data: Some(body(rev, 256).0),
        trust: Trust::Hashed,
        source: source(),
        seq: i64::try_from(rev).unwrap(),
        ops,
        rejected: Vec::new(),
    })
}

pub(super) fn account(n: u64, seq: i64, active: bool) -> Entry {
    Entry::Account(AccountEvent {
        did: did(n),
        active,
        status: (!active).then(|| "deactivated".into()),
        source: source(),
        seq,
    })
}

/// Puts an entry into its partition.
pub(super) fn placed(entry: Entry, partitions: u16) -> Vec<(Partition, Entry)> {
    match entry.did() {
        Some(did) => vec![(partition_of(did, partitions), entry)],
        None => (0..partitions).map(|p| (p, entry.clone())).collect(),
    }
}

pub(super) fn unit(entries: Vec<(Partition, Entry)>, now_us: i64) -> ArchiveUnit {
    ArchiveUnit {
        entries: Arc::new(entries),
        now_us,
    }
}

pub(super) async fn archive(
    store: &dyn Store,
    entries: impl IntoIterator<Item = Entry>,
    now_us: i64,
) -> Result<Archived, StoreError> {
    let entries = entries
        .into_iter()
        .flat_map(|e| placed(e, store.partitions()))
        .collect();
    store.archive(unit(entries, now_us)).await
}

/// A run, and what it leaves.
#[derive(Default)]
pub(super) struct World {
    pub(super) entries: Vec<Entry>,
    /// Live records by address, whatever their account's status.
    pub(super) live: BTreeMap<AtUri, Cid>,
    /// Every address that was ever put.
    pub(super) ever: BTreeSet<AtUri>,
    /// Commits that count, by account.
    pub(super) commits: BTreeMap<Did, i64>,
    /// The last rev of each repository with archived commits.
    pub(super) revs: BTreeMap<Did, Tid>,
    pub(super) hidden: BTreeSet<Did>,
    pub(super) desynchronized: BTreeSet<Did>,
    pub(super) rejected: u64,
    pub(super) last_mark: i64,
}

pub(super) const ACCOUNTS: u64 = 9;
pub(super) const COLLECTIONS: u64 = 3;

impl World {
    pub(super) fn new(seed: u64, events: u64, body_len: u16) -> Self {
        let mut random = Random(seed);
        let mut world = Self::default();
        for n in 1..=events {
            world.event(&mut random, n, body_len);
        }
        world
    }

    fn event(&mut self, random: &mut Random, n: u64, body_len: u16) {
        let who = random.below(ACCOUNTS);
        let seq = i64::try_from(n).unwrap();
        let entry = match random.below(20) {
            0 => {
                let active = random.below(2) == 0;
                if active {
                    self.hidden.remove(&did(who));
                } else {
                    self.hidden.insert(did(who));
                }
                account(who, seq, active)
            }
            1 => Entry::Identity(IdentityEvent {
                did: did(who),
                handle: Some(format!("name{n}.example")),
                source: source(),
                seq,
            }),
            2 => {
                self.last_mark = seq - 1;
                Entry::Mark {
                    source: source(),
                    seq: seq - 1,
                }
            }
            3 => {
                // Of an account that nothing is archived of there is nothing to mark, on a replay neither.
                let known = self.revs.contains_key(&did(who));
                if known {
                    self.desynchronized.insert(did(who));
                }
                Entry::Desync(Desync {
                    did: did(who),
                    reason: format!("a hole at {n}"),
                    rev: (!known || random.below(2) == 0).then(|| tid(n)),
                    follow: false,
                    lost: Vec::new(),
                    source: source(),
                    seq,
                })
            }
            _ => self.commit(random, n, who, body_len),
        };
        self.entries.push(entry);
    }

    fn commit(&mut self, random: &mut Random, n: u64, who: u64, body_len: u16) -> Entry {
        let mut ops = Vec::new();
        for i in 0..random.below(4) {
            let (coll, rkey) = (random.below(COLLECTIONS), format!("r{}", random.below(12)));
            let op = if random.below(3) == 0 {
                delete(coll, &rkey)
            } else {
                put(coll, &rkey, n * 10 + i, body_len)
            };
            let uri = AtUri {
                did: did(who),
                collection: op.collection.clone(),
                rkey: op.rkey.clone(),
            };
            match &op.action {
                Action::Put { cid, .. } => {
                    self.live.insert(uri.clone(), *cid);
                    self.ever.insert(uri);
                }
                Action::Delete => {
                    self.live.remove(&uri);
                }
            }
            ops.push(op);
        }
        let Entry::Commit(mut commit) = commit(who, n, ops) else {
            unreachable!();
        };
        if random.below(15) == 0 {
            self.rejected += 1;
            commit.rejected.push(RejectedOp {
                path: format!("not a path {n}"),
                reason: "expected collection/rkey".into(),
            });
        }
        let counts = !commit.ops.is_empty() || !commit.rejected.is_empty();
        if counts {
            *self.commits.entry(did(who)).or_default() += 1;
        }
        if counts || self.revs.contains_key(&did(who)) {
            self.revs.insert(did(who), tid(n));
        }
        Entry::Commit(commit)
    }

    /// The last pos of a partition.
    pub(super) fn head(&self, partition: Partition, partitions: u16) -> i64 {
        self.commits
            .iter()
            .filter(|(did, _)| partition_of(did, partitions) == partition)
            .map(|(_, n)| n)
            .sum()
    }
}
