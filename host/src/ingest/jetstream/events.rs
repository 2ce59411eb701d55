//! One message after another: decode, decide, append, note for the cursor.

use std::sync::Arc;

use super::checks::Checks;
use super::gap::{Gap, GapReason};
use super::message::{AccountPart, IdentityPart, Message, What};
use super::op;
use super::proof::Prover;
use super::returns::{Return, Returns};
use crate::atproto::{Did, Tid};
use crate::clock::Clock;
use crate::entry::{
    AccountEvent, Desync, Entry, IdentityEvent, Op, Records, RejectedOp, Source, Trust,
    partition_of,
};
use crate::identity::Identities;
use crate::ingest::marks::Marks;
use crate::ingest::{IngestError, Pulse, Scope};
use crate::limits;
use crate::queue::Queue;
use crate::telemetry::{Counter, Counters};

/// What a Jetstream's events are handed to.
#[derive(Clone)]
pub struct EventsParts {
    /// Where entries and marks go.
    pub queue: Arc<dyn Queue>,
    /// How many partitions the store has.
    pub partitions: u16,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// What time it is: an event from the future would carry the cursor off.
    pub clock: Clock,
    /// Told to forget what an `#identity` event may have changed; none without a network.
    pub identities: Option<Arc<Identities>>,
    /// What the stream did lately is noted there.
    pub pulse: Arc<Pulse>,
    /// Holds a share of the operations against their accounts' hosts; none believes them all.
    pub prover: Option<Prover>,
    /// Knows which accounts come back; none where nobody fetches them.
    pub returns: Option<Returns>,
}

/// Where a Jetstream's events go.
pub struct Events {
    source: Source,
    parts: EventsParts,
    marks: Marks,
    /// What is wanted; none before the first connection.
    patterns: Option<Vec<String>>,
    scope: Scope,
    last_us: Option<i64>,
    pub(super) checks: Checks,
}

impl Events {
    /// Events of one source. `cursor`: the time up to which everything is durable (us since 1970).
    #[must_use]
    pub fn new(source: Source, parts: EventsParts, cursor: Option<i64>) -> Self {
        Self {
            marks: Marks::new(source.clone(), parts.partitions),
            source,
            parts,
            patterns: None,
            scope: Scope::default(),
            last_us: cursor,
            checks: Checks::default(),
        }
    }

    /// The latest time that was taken (us since 1970).
    #[must_use]
    pub fn last_us(&self) -> Option<i64> {
        self.last_us
    }

    /// The time up to which everything is in the queue (us since 1970).
    #[must_use]
    pub fn handed_us(&self) -> Option<i64> {
        let held = self.checks.earliest_us();
        self.last_us
            .map(|us| held.map_or(us, |held_us| us.min(held_us - 1)))
    }

    pub(super) fn prover(&self) -> Option<Prover> {
        self.parts.prover.clone()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.parts.counters
    }

    pub(super) fn connected(&self, connected: bool) {
        self.counters().set(Counter::Connected, connected.into());
        self.parts.pulse.connected(connected);
    }

    pub(super) fn heard(&self) {
        self.parts.pulse.heard();
    }

    pub(super) fn now_us(&self) -> i64 {
        self.parts.clock.now_us()
    }

    /// Sets what is wanted. Collections that were not wanted before are a gap up to `from_us`, where the upstream
    /// begins to send them. What is wanted at first is none: what happened before a start is not this source's.
    pub fn want(&mut self, patterns: &[String], from_us: Option<i64>) -> Option<Gap> {
        let before = self.patterns.replace(patterns.to_vec());
        let scope_before = std::mem::replace(
            &mut self.scope,
            Scope::of(patterns.iter().map(String::as_str)),
        );
        let before = before?;
        let is_new = |pattern: &&String| {
            // A prefix counts as its shortest name would.
            let name = pattern.trim_end_matches('*');
            !before.contains(pattern) && !scope_before.wants(name)
        };
        let added: Vec<String> = patterns.iter().filter(is_new).cloned().collect();
        (!added.is_empty()).then(|| Gap {
            collections: added,
            from_us: 0,
            to_us: from_us.unwrap_or_else(|| self.now_us()),
            reason: GapReason::Added,
        })
    }

    /// The gap of a cursor that was too old.
    pub(super) fn outdated(&self, (from_us, to_us): (i64, i64)) -> Gap {
        Gap {
            collections: self.patterns.clone().unwrap_or_default(),
            from_us,
            to_us,
            reason: GapReason::Outdated,
        }
    }

    /// The gap of a message that is passed.
    pub(super) fn passed(
        &self,
        patterns: &[String],
        last_us: Option<i64>,
        cursor: Option<i64>,
    ) -> Option<Gap> {
        let (from_us, to_us) = last_us.zip(cursor)?;
        Some(Gap {
            collections: patterns.to_vec(),
            from_us,
            to_us,
            reason: GapReason::Passed,
        })
    }

    /// Takes one message and gives its time, unless it is no message.
    ///
    /// # Errors
    /// When the queue is closed. A bad message is not an error: it is counted.
    pub async fn accept(&mut self, text: &str) -> Result<Option<i64>, IngestError> {
        self.counters().add(Counter::Frames, 1);
        let message = match Message::decode(text) {
            Ok(message) => message,
            Err(error) => {
                self.counters().reject("jetstream-message");
                tracing::warn!(%error, "ingest.message_refused: a message does not decode");
                return Ok(None);
            }
        };
        let time_us = message.time_us;
        let latest_us = self.now_us() + limits::JETSTREAM_AHEAD_US_MAX;
        if time_us > latest_us {
            self.counters().reject("jetstream-time");
            let did = &message.did;
            tracing::warn!(time_us, latest_us, %did, "ingest.message_refused: a message is from the future");
            return Ok(None);
        }
        if self.last_us.is_none_or(|last_us| time_us > last_us) {
            self.parts.pulse.event(Some(time_us));
        }
        self.hand_on(message).await?;
        let last_us = self.last_us.map_or(time_us, |last_us| last_us.max(time_us));
        self.last_us = Some(last_us);
        self.marks.event();
        if self.marks.is_due() {
            self.flush().await?;
        }
        Ok(Some(time_us))
    }

    async fn hand_on(&mut self, message: Message<'_>) -> Result<(), IngestError> {
        let (did, seq) = (message.did, message.time_us);
        match message.what {
            What::Commit(part) if !self.scope.wants(&part.collection) => {
                self.counters().add(Counter::CommitsOutOfScope, 1);
                Ok(())
            }
            What::Commit(part) => match op::read(&part) {
                Ok((rev, op)) => self.operation(did, rev, op, seq).await,
                Err(reason) => {
                    let path = format!("{}/{}", part.collection, part.rkey);
                    let rev = Tid::parse(&part.rev).ok();
                    let desync = self.refused(did, path, rev, reason, seq);
                    self.pass(seq, desync).await
                }
            },
            What::Identity(IdentityPart { handle }) => {
                if let Some(identities) = &self.parts.identities {
                    identities.purge(&did);
                }
                let event = IdentityEvent {
                    did,
                    handle: handle.map(std::borrow::Cow::into_owned),
                    source: self.source.clone(),
                    seq,
                };
                self.pass(seq, Entry::Identity(event)).await
            }
            What::Account(AccountPart { active, status }) => {
                let event = AccountEvent {
                    did,
                    active,
                    status: status.map(std::borrow::Cow::into_owned),
                    source: self.source.clone(),
                    seq,
                };
                self.account(event).await
            }
            What::Unknown(kind) => {
                self.counters().add(Counter::FramesUnknown, 1);
                tracing::debug!(%kind, "ingest.unknown: a kind of message that this version does not know");
                Ok(())
            }
        }
    }

    /// A hosting status. An account that comes back may have changed meanwhile, so it is fetched. The entry that says
    /// so is first: were only the status archived before a crash, nobody would know any more that the account was away.
    async fn account(&mut self, event: AccountEvent) -> Result<(), IngestError> {
        let (did, seq) = (event.did.clone(), event.seq);
        let Some(returns) = self.parts.returns.clone() else {
            return self.pass(seq, Entry::Account(event)).await;
        };
        let returned = returns.told(&did, event.active).await?;
        if returned == Return::Fetch {
            self.counters().add(Counter::ReposDesynchronized, 1);
            let hole = Desync {
                did: did.clone(),
                reason: "the account is active again".to_owned(),
                rev: None,
                follow: false,
                lost: Vec::new(),
                source: self.source.clone(),
                seq,
            };
            self.pass(seq, Entry::Desync(hole)).await?;
        }
        self.pass(seq, Entry::Account(event)).await?;
        if returned != Return::None {
            returns.hurry(&did);
        }
        Ok(())
    }

    async fn operation(&mut self, did: Did, rev: Tid, op: Op, seq: i64) -> Result<(), IngestError> {
        self.counters().add(Counter::Ops, 1);
        self.parts.pulse.operation(op.collection.as_str(), seq);
        let records = Records {
            did,
            rev,
            trust: Trust::UnverifiedStream,
            ops: vec![op],
            rejected: Vec::new(),
        };
        match &self.parts.prover {
            Some(prover) if prover.chooses() => self.prove(seq, records).await,
            _ => self.pass(seq, Entry::Records(records)).await,
        }
    }

    /// An operation that cannot be used: a followed repository is fetched anew, for another it is a dead letter.
    pub(super) fn refused(
        &self,
        did: Did,
        path: String,
        rev: Option<Tid>,
        reason: String,
        seq: i64,
    ) -> Entry {
        self.counters().add(Counter::OpsRejected, 1);
        tracing::warn!(%did, path, reason, "ingest.op_refused: an operation cannot be used");
        let lost = RejectedOp {
            path: path.chars().take(1_024).collect(),
            reason: reason.clone(),
        };
        Entry::Desync(Desync {
            did,
            reason: format!("an operation of the Jetstream cannot be used: {reason}"),
            rev,
            follow: false,
            lost: vec![lost],
            source: self.source.clone(),
            seq,
        })
    }

    pub(super) async fn append(&self, entry: Entry) -> Result<(), IngestError> {
        let partitions = self.parts.partitions;
        let partition = entry.did().map_or(0, |did| partition_of(did, partitions));
        Ok(self.parts.queue.append(partition, entry).await?)
    }

    /// Appends marks for what was handed on so far. Call it when nothing comes for a while, and at the end.
    ///
    /// # Errors
    /// When the queue is closed.
    pub async fn flush(&mut self) -> Result<(), IngestError> {
        self.marks.asked();
        let Some(last_us) = self.last_us else {
            return Ok(());
        };
        let low_us = self.handed_us().unwrap_or(last_us);
        Ok(self.marks.append(low_us, &*self.parts.queue).await?)
    }
}

#[cfg(test)]
mod tests;
