//! Repository state: which commits are new, how far each repository came, and whether the archive can be relied on.
//!
//! Guarantees:
//! - a rev never falls, and what was seen at or below it changes nothing;
//! - a repository becomes synchronized by a snapshot alone: one that is not older than the chain, reaches every
//!   revision that was found missing, and was not under way when a hole without a known revision was met;
//! - the first reason stays until then, but for the reason why a fetch under way failed, which takes its place.

mod table;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::atproto::{Cid, Tid};
use crate::entry::{Commit, Desync, Partition, Resynced};
use crate::store::archive::RepoStatus;

/// What a commit is to the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its rev is not above the repository's: known already.
    Replayed,
    /// New, but nothing in it is wanted.
    Quiet,
    /// New, with something to keep.
    New,
}

/// A snapshot being fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fetch {
    #[default]
    None,
    UnderWay,
    /// Under way, and what it brings may be older than a hole met since.
    TooEarly,
}

/// What is known of an account's repository.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct ChainState {
    /// Whether it has a row.
    followed: bool,
    rev: Option<Tid>,
    status: RepoStatus,
    /// The highest revision found missing since it was synchronized.
    want: Option<Tid>,
    fetch: Fetch,
    /// Whether the erasure of its account stands.
    erased: bool,
}

#[derive(Default)]
struct Chain<'a> {
    now: ChainState,
    moved: Option<(Partition, Option<Cid>)>,
    turned: Option<Partition>,
    reason: Option<Cow<'a, str>>,
}

impl<'a> Chain<'a> {
    fn breaks(&mut self, partition: Partition, reason: impl Into<Cow<'a, str>>) {
        if self.now.status != RepoStatus::Desynchronized {
            self.reason = Some(reason.into());
        }
        self.now.status = RepoStatus::Desynchronized;
        self.turned = Some(partition);
    }
}

/// The repositories that a unit touches, by account id.
pub(super) struct Chains<'a> {
    by_did: BTreeMap<i64, Chain<'a>>,
}

impl<'a> Chains<'a> {
    fn of(&mut self, did_id: i64) -> &mut Chain<'a> {
        self.by_did.entry(did_id).or_default()
    }

    fn state(&self, did_id: i64) -> ChainState {
        self.by_did.get(&did_id).map(|c| c.now).unwrap_or_default()
    }

    /// Whether the erasure of an account stands: nothing of it is taken.
    pub(super) fn is_erased(&self, did_id: i64) -> bool {
        self.state(did_id).erased
    }

    /// Whether an account's repository has state to mark.
    pub(super) fn is_followed(&self, did_id: i64) -> bool {
        self.state(did_id).followed
    }

    /// Whether a snapshot of the repository may still come that is older than what is there.
    pub(super) fn awaits_snapshot(&self, did_id: i64) -> bool {
        self.state(did_id).status != RepoStatus::Synchronized
    }

    /// Judges a commit and moves its repository on when it is new; the status stays.
    pub(super) fn step(&mut self, did_id: i64, partition: Partition, commit: &Commit) -> Step {
        let chain = self.of(did_id);
        let quiet = commit.ops.is_empty() && commit.rejected.is_empty();
        if chain.now.rev.is_some_and(|rev| commit.rev <= rev) {
            return Step::Replayed;
        }
        if quiet && !chain.now.followed {
            return Step::Quiet;
        }
        chain.now.followed = true;
        chain.now.rev = Some(commit.rev);
        chain.moved = Some((partition, commit.data));
        if quiet { Step::Quiet } else { Step::New }
    }

    /// Notes a hole in a followed repository, unless the archive has come past it: by rev, or because `passed`, the
    /// mark of its source is behind it. A request to follow is not past by rev: it asks for a fetch in any case.
    pub(super) fn desync(
        &mut self,
        did_id: i64,
        partition: Partition,
        event: &'a Desync,
        passed: bool,
    ) {
        let chain = self.of(did_id);
        let has_it = event
            .rev
            .zip(chain.now.rev)
            .is_some_and(|(missing, rev)| missing <= rev);
        if passed || (has_it && !event.follow) {
            return;
        }
        chain.now.followed = true;
        chain.now.want = chain.now.want.max(event.rev);
        if chain.now.fetch == Fetch::UnderWay && (event.follow || event.rev.is_none()) {
            chain.now.fetch = Fetch::TooEarly;
        }
        chain.breaks(partition, &event.reason);
    }

    /// Notes that the snapshot of a repository is being fetched. A synchronized one needs none: an old entry.
    pub(super) fn resyncing(&mut self, did_id: i64, partition: Partition) {
        let chain = self.of(did_id);
        if chain.now.status == RepoStatus::Desynchronized {
            chain.now.status = RepoStatus::Resyncing;
            chain.now.fetch = Fetch::UnderWay;
            chain.turned = Some(partition);
        }
    }

    /// Takes the end of a snapshot. One that is older than the chain moves nothing: what was applied since then may
    /// have holes, so the repository stays to be fetched.
    pub(super) fn resynced(&mut self, did_id: i64, partition: Partition, event: &Resynced) {
        let chain = self.of(did_id);
        let chain_rev = chain.now.rev.filter(|rev| *rev > event.rev);
        if chain_rev.is_none() {
            chain.now.followed = true;
            chain.now.rev = Some(event.rev);
            chain.moved = Some((partition, Some(event.data)));
        }
        if chain.now.status == RepoStatus::Synchronized {
            return;
        }
        let missed = chain_rev.or(chain.now.want.filter(|want| *want > event.rev));
        let enough = missed.is_none() && chain.now.fetch != Fetch::TooEarly;
        chain.now.fetch = Fetch::None;
        if enough {
            chain.now.status = RepoStatus::Synchronized;
            chain.now.want = None;
            chain.turned = Some(partition);
        } else if let Some(missed) = missed {
            let reason = format!(
                "expected a snapshot at rev {missed} or later, got one at {}: fetch it again",
                event.rev
            );
            chain.breaks(partition, reason);
        } else {
            chain.turned = Some(partition);
        }
    }

    /// Empties the state of an account's repository and lets nothing in. Its rev stays, against what is replayed
    /// later. False when that is so already.
    pub(super) fn erase(&mut self, did_id: i64, partition: Partition) -> bool {
        let chain = self.of(did_id);
        if chain.now.erased {
            return false;
        }
        chain.now = ChainState {
            followed: chain.now.followed,
            rev: chain.now.rev,
            erased: true,
            ..ChainState::default()
        };
        if chain.now.followed {
            chain.moved = Some((partition, None));
            chain.turned = Some(partition);
        }
        true
    }

    /// Lets an erased account in again; what was followed has to be fetched. False when it is not erased.
    pub(super) fn lift(&mut self, did_id: i64, partition: Partition) -> bool {
        let chain = self.of(did_id);
        let was_erased = std::mem::take(&mut chain.now.erased);
        if was_erased && chain.now.followed {
            chain.breaks(partition, "reactivated");
        }
        was_erased
    }
}
