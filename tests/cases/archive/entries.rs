//! The entries of verified ingest, written short, and what a store says of a repository.

use aviary::atproto::{AtUri, Cid, RecordKey};
use aviary::entry::{
    AccountEvent, Desync, Entry, Erase, Op, Records, RejectedOp, Resynced, Source, Trust,
};
use aviary::store::{ArchivedRecord, BrokenRepo, RepoState, RepoStatus, Store};

use super::world::{body, collection, did, source, tid};

pub(super) fn records(who: u64, rev: u64, trust: Trust, ops: Vec<Op>) -> Entry {
    Entry::Records(Records {
        did: did(who),
        rev: tid(rev),
        trust,
        ops,
        rejected: Vec::new(),
    })
}

/// A chunk of a snapshot.
pub(super) fn chunk(who: u64, rev: u64, ops: Vec<Op>) -> Entry {
    records(who, rev, Trust::Verified, ops)
}

/// What a stream without commits tells.
pub(super) fn told(who: u64, rev: u64, op: Op) -> Entry {
    records(who, rev, Trust::UnverifiedStream, vec![op])
}

pub(super) fn resyncing(who: u64) -> Entry {
    Entry::Resyncing { did: did(who) }
}

pub(super) fn resynced(who: u64, rev: u64) -> Entry {
    Entry::Resynced(Resynced {
        did: did(who),
        rev: tid(rev),
        data: root(rev),
    })
}

/// The tree's root that goes with a rev.
pub(super) fn root(rev: u64) -> Cid {
    body(rev, 256).0
}

pub(super) fn hole(who: u64, rev: Option<u64>, seq: i64, lost: &[&str]) -> Entry {
    Entry::Desync(Desync {
        did: did(who),
        reason: format!("hole {seq}"),
        rev: rev.map(tid),
        follow: false,
        lost: lost.iter().map(|path| rejected(path)).collect(),
        source: source(),
        seq,
    })
}

fn rejected(path: &str) -> RejectedOp {
    RejectedOp {
        path: path.to_owned(),
        reason: "unreadable".into(),
    }
}

/// A request of a backfill.
pub(super) fn follow(who: u64) -> Entry {
    Entry::Desync(Desync {
        did: did(who),
        reason: "backfill".into(),
        rev: None,
        follow: true,
        lost: Vec::new(),
        source: Source("backfill".into()),
        seq: 0,
    })
}

pub(super) fn deleted(who: u64, seq: i64) -> Entry {
    Entry::Account(AccountEvent {
        did: did(who),
        active: false,
        status: Some("deleted".into()),
        source: source(),
        seq,
    })
}

pub(super) fn erase(who: u64, seq: i64) -> Entry {
    Entry::Erase(Erase {
        did: did(who),
        source: source(),
        seq,
    })
}

pub(super) fn uri(who: u64, coll: u64, rkey: &str) -> AtUri {
    AtUri {
        did: did(who),
        collection: collection(coll),
        rkey: RecordKey::parse(rkey).unwrap(),
    }
}

pub(super) async fn state(store: &dyn Store, who: u64) -> Option<RepoState> {
    let mut states = store.repo_states(&[did(who)]).await.unwrap();
    assert_eq!(states.len(), 1);
    states.remove(0)
}

/// A repository's rev as its number, and its status.
pub(super) async fn stands(store: &dyn Store, who: u64) -> (Option<u64>, RepoStatus) {
    let state = state(store, who).await.expect("a followed repository");
    let rev = state
        .rev
        .map(|rev| (0..10_000).find(|n| tid(*n) == rev).unwrap());
    (rev, state.status)
}

pub(super) async fn broken(store: &dyn Store, who: u64) -> Option<BrokenRepo> {
    let page = store.broken_repos(0, 1_000).await.unwrap();
    page.into_iter()
        .map(|(_, repo)| repo)
        .find(|repo| repo.did == did(who))
}

/// All live records of an account in a collection.
pub(super) async fn held(store: &dyn Store, who: u64, coll: u64) -> Vec<ArchivedRecord> {
    store
        .archived_records(&did(who), &collection(coll), None, 10_000)
        .await
        .unwrap()
}

/// Their keys.
pub(super) async fn keys(store: &dyn Store, who: u64, coll: u64) -> Vec<String> {
    let held = held(store, who, coll).await;
    held.iter().map(|r| r.rkey.to_string()).collect()
}
