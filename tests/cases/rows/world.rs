//! A small seeded world: what happened, and what is true after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aviary::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use aviary::entry::{
    AccountEvent, Action, Commit, Entry, Op, Partition, Source, Trust, partition_of,
};
use serde::{Deserialize, Serialize};

pub(super) const PARTITIONS: u16 = 3;
const ACCOUNTS: u64 = 9;

/// What a record says; its body is this as JSON (the archive does not look inside).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) lang: Option<String>,
    pub(super) score: f64,
    pub(super) reply: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) about: Option<String>,
    pub(super) subject: Option<String>,
}

/// The state of one record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) rev: String,
    pub(super) cid: Cid,
    pub(super) said: Said,
}

/// What happened and what is true now.
#[derive(Default)]
pub(super) struct World {
    pub(super) events: Vec<Entry>,
    pub(super) records: BTreeMap<String, Record>,
    pub(super) hidden: BTreeSet<String>,
    seq: i64,
}

/// Splitmix64: the same numbers on every machine.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(of.len() as u64);
        &of[usize::try_from(at).unwrap()]
    }
}

pub(super) fn did(n: u64) -> Did {
    Did::parse(&format!("did:web:a{n}.example")).unwrap()
}

pub(super) fn tid(n: i64) -> Tid {
    const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let mut text = [b'2'; 13];
    let mut rest = usize::try_from(n).unwrap();
    for place in text.iter_mut().rev() {
        *place = DIGITS[rest % 32];
        rest /= 32;
    }
    Tid::parse(std::str::from_utf8(&text).unwrap()).unwrap()
}

impl World {
    /// `events` commits and account events.
    pub(super) fn seeded(seed: u64, events: usize) -> Self {
        let mut world = Self::default();
        let mut dice = Dice(seed);
        while world.events.len() < events {
            match dice.below(40) {
                0 => world.account(&did(dice.below(ACCOUNTS)), false),
                1 | 2 => world.account(&did(dice.below(ACCOUNTS)), true),
                _ => {
                    let ops = (0..=dice.below(3)).map(|_| roll(&mut dice)).collect();
                    world.commit(&did(dice.below(ACCOUNTS)), ops);
                }
            }
        }
        world
    }

    /// One commit: puts (`Some`) and deletes, by collection and record key.
    pub(super) fn commit(&mut self, who: &Did, ops: Vec<(&str, String, Option<Said>)>) {
        self.seq += 1;
        let rev = tid(self.seq);
        let mut wanted = Vec::new();
        for (collection, rkey, said) in ops {
            let uri = format!("at://{who}/{collection}/{rkey}");
            let action = match said {
                Some(said) => {
                    let body = serde_json::to_vec(&said).unwrap();
                    let cid = Cid::of_dag_cbor(&body);
                    let rev = rev.to_string();
                    self.records.insert(uri, Record { rev, cid, said });
                    Action::Put {
                        cid,
                        body: body.into(),
                    }
                }
                None => {
                    self.records.remove(&uri);
                    Action::Delete
                }
            };
            wanted.push(Op {
                collection: Nsid::parse(collection).unwrap(),
                rkey: RecordKey::parse(&rkey).unwrap(),
                action,
            });
        }
        self.events.push(Entry::Commit(Commit {
            did: who.clone(),
            rev,
            since: None,
            data: None,
            trust: Trust::Hashed,
            source: source(),
            seq: self.seq,
            ops: wanted,
            rejected: Vec::new(),
        }));
    }

    pub(super) fn account(&mut self, who: &Did, active: bool) {
        self.seq += 1;
        if active {
            self.hidden.remove(who.as_str());
        } else {
            self.hidden.insert(who.to_string());
        }
        self.events.push(Entry::Account(AccountEvent {
            did: who.clone(),
            active,
            status: (!active).then(|| "deactivated".to_owned()),
            source: source(),
            seq: self.seq,
        }));
    }

    /// Deletes every record that there is.
    pub(super) fn delete_all(&mut self) {
        let all: Vec<AtUri> = self
            .records
            .keys()
            .map(|uri| AtUri::parse(uri).unwrap())
            .collect();
        for uri in all {
            let op = (uri.collection.as_str(), uri.rkey.to_string(), None);
            self.commit(&uri.did, vec![op]);
        }
    }

    pub(super) fn is_hidden(&self, uri: &str) -> bool {
        self.hidden
            .contains(AtUri::parse(uri).unwrap().did.as_str())
    }
}

fn source() -> Source {
    Source(Arc::from("wss://relay.example"))
}

pub(super) fn with_partition(entry: &Entry) -> (Partition, Entry) {
    let part = partition_of(entry.did().unwrap(), PARTITIONS);
    (part, entry.clone())
}

/// A random operation. Few keys, so that records are updated, deleted and made again.
fn roll(dice: &mut Dice) -> (&'static str, String, Option<Said>) {
    let collection = *dice.pick(&[
        "test.rows.post",
        "test.rows.tags",
        "test.rows.like",
        "test.rows.fave",
    ]);
    let rkey = format!("r{}", dice.below(6));
    if dice.below(4) == 0 {
        return (collection, rkey, None);
    }
    let post = |dice: &mut Dice| {
        format!(
            "at://{}/test.rows.post/r{}",
            did(dice.below(ACCOUNTS)),
            dice.below(6)
        )
    };
    let words = ["red", "green", "", "blau'\"", "reject", "skip", "twice"];
    let mut said = Said {
        text: (*dice.pick(&words)).to_owned(),
        ..Said::default()
    };
    match collection {
        "test.rows.post" => {
            said.lang = dice
                .pick(&[None, Some("en"), Some("de")])
                .map(str::to_owned);
            said.score = *dice.pick(&[0.0, -0.0, 1.5, -3.0, 1e300]);
            said.reply = (dice.below(2) == 0).then(|| post(dice));
        }
        "test.rows.tags" => {
            said.tags = (0..dice.below(5))
                .map(|_| (*dice.pick(&["x", "y", "z"])).to_owned())
                .collect();
            said.about = (dice.below(2) == 0).then(|| did(dice.below(ACCOUNTS)).to_string());
        }
        // Few subjects: two likes of one post by one account happen all the time, from both collections.
        _ => said.subject = Some(format!("at://{}/test.rows.post/r0", did(dice.below(3)))),
    }
    (collection, rkey, Some(said))
}
