//! Every kind of entry there and back, with every choice of what may be absent, and junk that must not pass.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const KINDS: u32 = 10;

/// Makes entries at random.
struct Random(StdRng);

impl Random {
    fn did(&mut self) -> Did {
        let n: u64 = self.0.random();
        Did::parse(&format!("did:web:host{n}.example")).unwrap()
    }

    fn tid(&mut self) -> Tid {
        const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
        let mut text = String::from("3");
        for _ in 0..12 {
            text.push(char::from(DIGITS[self.0.random_range(0..32)]));
        }
        Tid::parse(&text).unwrap()
    }

    fn cid(&mut self) -> Cid {
        Cid::of_dag_cbor(&self.0.random::<u64>().to_be_bytes())
    }

    fn text(&mut self) -> String {
        let length = self.0.random_range(0..40);
        (0..length).map(|_| self.0.random::<char>()).collect()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.0.random::<bool>().then(|| make(self))
    }

    fn many<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        let length = self.0.random_range(0..5);
        (0..length).map(|_| make(self)).collect()
    }

    fn seq(&mut self) -> i64 {
        [0, 1, i64::MAX, i64::MIN, self.0.random()][self.0.random_range(0..5)]
    }

    fn source(&mut self) -> Source {
        Source(self.text().into())
    }

    fn trust(&mut self) -> Trust {
        [Trust::UnverifiedStream, Trust::Hashed, Trust::Verified][self.0.random_range(0..3)]
    }

    fn op(&mut self) -> Op {
        let put = self.maybe(|r| {
            let length = r.0.random_range(0..3_000);
            let body: Vec<u8> = (0..length).map(|_| r.0.random()).collect();
            (r.cid(), Bytes::from(body))
        });
        Op {
            collection: Nsid::parse("com.example.thing").unwrap(),
            rkey: RecordKey::parse(self.tid().as_str()).unwrap(),
            action: put.map_or(Action::Delete, |(cid, body)| Action::Put { cid, body }),
        }
    }

    fn rejected(&mut self) -> RejectedOp {
        RejectedOp {
            path: self.text(),
            reason: self.text(),
        }
    }

    fn entry(&mut self, kind: u32) -> Entry {
        match kind {
            0 => Entry::Commit(Commit {
                did: self.did(),
                rev: self.tid(),
                since: self.maybe(Self::tid),
                data: self.maybe(Self::cid),
                trust: self.trust(),
                source: self.source(),
                seq: self.seq(),
                ops: self.many(Self::op),
                rejected: self.many(Self::rejected),
            }),
            1 => Entry::Records(Records {
                did: self.did(),
                rev: self.tid(),
                trust: self.trust(),
                ops: self.many(Self::op),
                rejected: self.many(Self::rejected),
            }),
            2 => Entry::Resynced(Resynced {
                did: self.did(),
                rev: self.tid(),
                data: self.cid(),
            }),
            3 => Entry::Resyncing { did: self.did() },
            4 => Entry::Account(AccountEvent {
                did: self.did(),
                active: self.0.random(),
                status: self.maybe(Self::text),
                source: self.source(),
                seq: self.seq(),
            }),
            5 => Entry::Identity(IdentityEvent {
                did: self.did(),
                handle: self.maybe(Self::text),
                source: self.source(),
                seq: self.seq(),
            }),
            6 => Entry::Desync(Desync {
                did: self.did(),
                reason: self.text(),
                rev: self.maybe(Self::tid),
                follow: self.0.random(),
                lost: self.many(Self::rejected),
                source: self.source(),
                seq: self.seq(),
            }),
            7 => Entry::Erase(Erase {
                did: self.did(),
                source: self.source(),
                seq: self.seq(),
            }),
            8 => Entry::Backfill(BackfillMark {
                job: self.text().into(),
                cursor: self.maybe(Self::text),
                listed: self.0.random(),
            }),
            _ => Entry::Mark {
                source: self.source(),
                seq: self.seq(),
            },
        }
    }
}

#[test]
fn every_kind_of_entry_comes_back_as_it_went() {
    let mut random = Random(StdRng::seed_from_u64(4));
    for round in 0..2_000 {
        let entry = random.entry(round % KINDS);
        let bytes = encode(&entry).unwrap();
        let back = decode(&bytes).unwrap();
        // Of all types here, what is shown for debugging is all there is.
        assert_eq!(format!("{back:?}"), format!("{entry:?}"));
    }
}

#[test]
fn a_usual_entry_is_small() {
    let mut random = Random(StdRng::seed_from_u64(5));
    let op = Op {
        collection: Nsid::parse("app.bsky.feed.like").unwrap(),
        rkey: RecordKey::parse("3jzfcijpj2z2a").unwrap(),
        action: Action::Put {
            cid: random.cid(),
            body: vec![7; 230].into(),
        },
    };
    let Entry::Commit(commit) = random.entry(0) else {
        panic!("kind 0 is a commit");
    };
    let commit = Commit {
        source: Source("wss://bsky.network".into()),
        since: Some(random.tid()),
        data: Some(random.cid()),
        ops: vec![op],
        rejected: Vec::new(),
        ..commit
    };
    let bytes = encode(&Entry::Commit(commit)).unwrap();
    assert!(bytes.len() < 512, "{} bytes", bytes.len());
}

#[test]
fn what_is_not_an_entry_is_refused() {
    assert!(decode(&[]).is_err());
    let mut random = Random(StdRng::seed_from_u64(6));
    for kind in 0..KINDS {
        let bytes = encode(&random.entry(kind)).unwrap();
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode(&longer).is_err(), "one byte more");
        let mut other = bytes;
        other[0] = VERSION + 1;
        assert!(decode(&other).is_err(), "another version");
    }
    // A change within a text may be another text; nothing makes it fall over.
    let bytes = encode(&random.entry(0)).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            decode(&changed).ok();
        }
    }
}
