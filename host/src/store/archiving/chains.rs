//! Repository state: which commits are new, how far each repository came, and whether the archive can be relied on.
//!
//! Guarantees:
//! - a rev never falls, and what was seen at or below it changes nothing;
//! - a repository becomes synchronized by a snapshot alone: one that is not older than the chain, reaches every
//!   revision that was found missing, and was not under way when a hole without a known revision was met;
//! - the first reason stays until then, but for the reason why a fetch under way failed, which takes its place.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::sql::ArchiveSql;
use crate::atproto::{Cid, Tid};
use crate::entry::{Commit, Desync, Partition, Resynced};
use crate::store::archive::RepoStatus;
use crate::store::error::{StoreError, corrupt};
use crate::store::rows::without_nul;

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
pub(in crate::store) enum Fetch {
    #[default]
    None,
    UnderWay,
    /// Under way, and what it brings may be older than a hole met since.
    TooEarly,
}

/// What is known of an account's repository.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct ChainState {
    /// Whether it has a row.
    pub(in crate::store) followed: bool,
    pub(in crate::store) rev: Option<Tid>,
    pub(in crate::store) status: RepoStatus,
    /// The highest revision found missing since it was synchronized.
    pub(in crate::store) want: Option<Tid>,
    pub(in crate::store) fetch: Fetch,
    /// Whether the erasure of its account stands.
    pub(in crate::store) erased: bool,
}

/// A repository's new place in its chain.
pub(in crate::store) struct MovedRow<'a> {
    pub(in crate::store) did_id: i64,
    pub(in crate::store) partition: Partition,
    pub(in crate::store) rev: Option<&'a str>,
    pub(in crate::store) data: Option<&'a [u8]>,
}

/// A repository whose status changed. The first reason stays until it is synchronized.
pub(in crate::store) struct TurnedRow<'a> {
    pub(in crate::store) did_id: i64,
    pub(in crate::store) partition: Partition,
    pub(in crate::store) now: &'a ChainState,
    /// None: what is there stays.
    pub(in crate::store) reason: Option<&'a str>,
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
            let reason = reason.into();
            self.reason = Some(match reason.contains('\0') {
                true => without_nul(reason.into_owned()).into(),
                false => reason,
            });
        }
        self.now.status = RepoStatus::Desynchronized;
        self.turned = Some(partition);
    }
}

/// The repositories that a unit touches, by account id.
pub(in crate::store) struct Chains<'a> {
    by_did: BTreeMap<i64, Chain<'a>>,
}

impl<'a> Chains<'a> {
    /// The chains of these accounts.
    pub(super) async fn load<S: ArchiveSql>(
        sql: &mut S,
        dids: BTreeSet<i64>,
    ) -> Result<Self, StoreError> {
        let mut by_did: BTreeMap<i64, Chain<'a>> =
            dids.iter().map(|id| (*id, Chain::default())).collect();
        if !dids.is_empty() {
            let dids: Vec<i64> = dids.into_iter().collect();
            for (did_id, now) in sql.chains(&dids).await? {
                by_did.entry(did_id).or_default().now = now;
            }
        }
        Ok(Self { by_did })
    }

    /// Every chain as the unit leaves it.
    pub(in crate::store) fn all(&self) -> impl Iterator<Item = (i64, ChainState)> {
        self.by_did
            .iter()
            .map(|(did_id, chain)| (*did_id, chain.now))
    }

    /// Those that moved, by account.
    pub(in crate::store) fn moved(&self) -> Vec<MovedRow<'_>> {
        let chains = self.by_did.iter();
        chains
            .filter_map(|(did_id, chain)| {
                let (partition, data) = chain.moved.as_ref()?;
                Some(MovedRow {
                    did_id: *did_id,
                    partition: *partition,
                    rev: chain.now.rev.as_ref().map(Tid::as_str),
                    data: data.as_ref().map(|d| d.as_bytes().as_slice()),
                })
            })
            .collect()
    }

    /// Those whose status changed, by account.
    pub(in crate::store) fn turned(&self) -> Vec<TurnedRow<'_>> {
        let chains = self.by_did.iter();
        chains
            .filter_map(|(did_id, chain)| {
                Some(TurnedRow {
                    did_id: *did_id,
                    partition: chain.turned?,
                    now: &chain.now,
                    reason: chain.reason.as_deref(),
                })
            })
            .collect()
    }

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

/// A status as the `state` column has it.
pub(in crate::store) fn status_number(status: RepoStatus) -> i32 {
    match status {
        RepoStatus::Synchronized => 0,
        RepoStatus::Desynchronized => 1,
        RepoStatus::Resyncing => 2,
    }
}

/// The other way round.
pub(in crate::store) fn status_from(number: i32) -> Result<RepoStatus, StoreError> {
    match number {
        0 => Ok(RepoStatus::Synchronized),
        1 => Ok(RepoStatus::Desynchronized),
        2 => Ok(RepoStatus::Resyncing),
        _ => Err(corrupt(format!(
            "expected a repository's state to be 0, 1 or 2, got {number}"
        ))),
    }
}

impl Fetch {
    /// As the `fetch` column has it.
    pub(in crate::store) fn number(self) -> i32 {
        match self {
            Self::None => 0,
            Self::UnderWay => 1,
            Self::TooEarly => 2,
        }
    }

    /// The other way round.
    pub(in crate::store) fn from_number(number: i32) -> Result<Self, StoreError> {
        match number {
            0 => Ok(Self::None),
            1 => Ok(Self::UnderWay),
            2 => Ok(Self::TooEarly),
            _ => Err(corrupt(format!(
                "expected a repository's fetch to be 0, 1 or 2, got {number}"
            ))),
        }
    }
}
