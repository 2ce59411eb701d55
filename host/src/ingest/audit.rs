//! The sampled audit: accounts that an upstream hides altogether cannot be seen in its stream, so their own hosts are
//! asked now and then.
//!
//! Guarantees:
//! - the place goes round over all followed repositories, a bounded number of them in each round;
//! - a host that is ahead proves nothing, for the stream may lag: only what the archive does not have a grace later,
//!   with the stream flowing all the while, marks a repository;
//! - a host that does not answer, or not sensibly, is counted and costs nothing else.
//!
//! Tells the lanes alone. Repairs nothing: what is marked is fetched by the resync.

mod ask;
mod suspects;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::ask::{Asker, AuditError};
use self::suspects::Suspects;
use super::IngestError;
use super::lanes::{Item, Lanes};
use super::pulse::{Pulse, StreamState};
use crate::atproto::{Did, Tid};
use crate::clock::Clock;
use crate::entry::Source;
use crate::fault::{Class, Classify};
use crate::identity::Identities;
use crate::limits;
use crate::net::Client;
use crate::store::{RepoState, RepoStatus, Store, StoreError};
use crate::telemetry::{Counter, Counters};

/// What an audit works with.
pub struct AuditParts {
    /// Told of each repository that the stream hides.
    pub lanes: Arc<Lanes>,
    /// Which repositories are followed, and how far they are.
    pub store: Arc<dyn Store>,
    /// Where accounts are.
    pub identities: Arc<Identities>,
    /// The way out.
    pub client: Client,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// What a host's word is held against: a rev from the future is none.
    pub clock: Clock,
    /// Whether the stream flows.
    pub pulse: Arc<Pulse>,
    /// Whose stream it is now.
    pub source: watch::Receiver<Source>,
    /// Time between two rounds.
    pub every: Duration,
    /// How long the stream gets to bring what a host has.
    pub grace: Duration,
}

/// Audits until told to stop.
///
/// # Errors
/// When the store or a lane fails for good.
pub async fn run_audits(parts: AuditParts, stop: CancellationToken) -> Result<(), IngestError> {
    let asker = Asker {
        identities: Arc::clone(&parts.identities),
        client: parts.client.clone(),
        clock: parts.clock.clone(),
        at_once: Semaphore::new(limits::AUDITS_AT_ONCE_MAX),
    };
    let mut audit = Audit {
        asker: Arc::new(asker),
        asked: JoinSet::new(),
        suspects: Suspects::default(),
        after: None,
        next: Instant::now() + parts.every,
        parts,
    };
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = audit.run() => ended,
    };
    audit.asked.shutdown().await;
    ended
}

struct Audit {
    parts: AuditParts,
    asker: Arc<Asker>,
    /// Questions under way, one round's at most.
    asked: JoinSet<Answer>,
    suspects: Suspects,
    /// The last repository of the round before; none before the first round.
    after: Option<i64>,
    /// When the next round is due.
    next: Instant,
}

/// A host's answer, and what the archive had when it was asked.
struct Answer {
    did: Did,
    archived: Tid,
    hosted: Result<Tid, AuditError>,
}

impl Audit {
    async fn run(&mut self) -> Result<(), IngestError> {
        let mut look = tokio::time::interval(Duration::from_millis(limits::AUDIT_LOOK_MS));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(answer) = self.asked.join_next() => {
                    self.heard(answer.map_err(|e| IngestError::Lane(e.to_string()))?);
                }
                _ = look.tick() => match self.look().await {
                    Ok(()) => {}
                    Err(IngestError::Store(error)) if error.class() == Class::Retry => {}
                    Err(error) => return Err(error),
                },
            }
        }
    }

    /// Does what is due. While the stream does not flow nothing can be told by it, so every grace begins anew.
    async fn look(&mut self) -> Result<(), IngestError> {
        let now = Instant::now();
        let state = self.parts.pulse.report().state;
        if !matches!(state, StreamState::Live | StreamState::Quiet) {
            self.suspects.postpone(now + self.parts.grace);
            return Ok(());
        }
        if now >= self.next && self.asked.is_empty() {
            self.next = now + self.parts.every;
            self.begin_round().await?;
        }
        self.judge(now).await
    }

    /// Asks about the next repositories that should be as far as their hosts are.
    async fn begin_round(&mut self) -> Result<(), IngestError> {
        let store = &self.parts.store;
        let after = match self.after {
            Some(after) => after,
            // A host that is often started anew would always ask about the same ones.
            None => somewhere(&**store).await?,
        };
        let page = store.followed(after, limits::AUDIT_ROUND_REPOS).await?;
        let is_last = page.len() < limits::AUDIT_ROUND_REPOS;
        let last = page.last().map_or(0, |(number, _)| *number);
        self.after = Some(if is_last { 0 } else { last });
        let dids: Vec<Did> = page.into_iter().map(|(_, did)| did).collect();
        let states = store.repo_states(&dids).await?;
        for (did, state) in dids.into_iter().zip(states) {
            let Some(archived) = comparable(state.as_ref()) else {
                continue;
            };
            let asker = Arc::clone(&self.asker);
            self.asked.spawn(async move {
                let hosted = asker.latest(&did).await;
                Answer {
                    did,
                    archived,
                    hosted,
                }
            });
        }
        Ok(())
    }

    fn heard(&mut self, answer: Answer) {
        let counters = &self.parts.counters;
        counters.add(Counter::Audits, 1);
        match answer.hosted {
            Ok(hosted) if hosted > answer.archived => {
                counters.add(Counter::AuditsAhead, 1);
                let due = Instant::now() + self.parts.grace;
                self.suspects.add(answer.did, hosted, due);
                let suspects = self.suspects.len() as u64;
                counters.set(Counter::AuditSuspects, suspects);
            }
            Ok(_) => {}
            Err(error) => {
                counters.add(Counter::AuditsFailed, 1);
                let did = answer.did;
                tracing::debug!(%did, class = ?error.class(), %error, "ingest.audit_failed: an account's host was asked in vain");
            }
        }
    }

    /// Marks the repositories that are still behind a grace after their hosts were asked.
    async fn judge(&mut self, now: Instant) -> Result<(), IngestError> {
        let due = self.suspects.due(now);
        if due.is_empty() {
            return Ok(());
        }
        let dids: Vec<Did> = due.iter().map(|(did, _)| did.clone()).collect();
        let states = self.parts.store.repo_states(&dids).await?;
        for ((did, hosted), state) in due.into_iter().zip(states) {
            if comparable(state.as_ref()).is_some_and(|archived| archived < hosted) {
                self.accuse(&did, hosted).await?;
            }
            self.suspects.remove(&did);
            let suspects = self.suspects.len() as u64;
            self.parts.counters.set(Counter::AuditSuspects, suspects);
        }
        Ok(())
    }

    /// Has a repository marked, unless its lane knows better: what it handed on is on its way to the archive.
    async fn accuse(&self, did: &Did, rev: Tid) -> Result<(), IngestError> {
        let upstream = self.parts.source.borrow().0.to_string();
        let reason = format!("its host has rev {rev}, which the stream of {upstream} never sent");
        let (marked, is_marked) = oneshot::channel();
        let item = Item::Missed {
            rev,
            reason,
            marked,
        };
        self.parts.lanes.send(did, item).await?;
        // A lane that ends meanwhile marks nothing.
        if is_marked.await.unwrap_or(false) {
            self.parts.counters.add(Counter::ReposWithheld, 1);
            tracing::warn!(%did, %rev, upstream, "ingest.withheld: an account's host has what the upstream never sent; its repository is fetched");
        }
        Ok(())
    }
}

/// The rev that a repository's host can be held against; none where another one is expected anyway.
fn comparable(state: Option<&RepoState>) -> Option<Tid> {
    let state = state?;
    let is_whole = state.status == RepoStatus::Synchronized && state.active;
    state.rev.filter(|_| is_whole)
}

/// A place among the followed repositories, by chance.
async fn somewhere(store: &dyn Store) -> Result<i64, StoreError> {
    // Halving finds the last number in 63 small reads.
    let (mut some, mut none) = (0, i64::MAX);
    while none - some > 1 {
        let middle = some + (none - some) / 2;
        if store.followed(middle, 1).await?.is_empty() {
            none = middle;
        } else {
            some = middle;
        }
    }
    Ok(rand::random_range(0..none))
}
