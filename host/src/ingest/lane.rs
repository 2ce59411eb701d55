//! One lane: what its accounts' events become, in order.
//!
//! Guarantees, for a host that verifies:
//! - a commit is handed on when its blocks, its tree, its signature and its place in the chain are proven, else its
//!   repository is marked desynchronized (one that is not followed leaves dead letters instead);
//! - a first sighting is proven but for the chain, and costs a look-up only when somebody wants something of it;
//! - a commit whose key is not known waits, and so does all that comes after it of that account;
//! - commits of a repository that is being fetched wait for the snapshot, and go on by their chain.
//!
//! Writes to the queue alone.

mod buffer;
mod chains;
mod held;
mod judge;
mod key;
mod repair;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use self::buffer::Buffer;
use self::chains::{Chain, Chains};
use self::held::{Held, HeldMessages};
use self::judge::Fate;
use self::key::{Answer, Known};
use super::IngestError;
use super::broken::Broken;
use super::followed::Followed;
use super::lanes::{Flush, Item, Origin, Sent};
use super::scope::Scope;
use crate::atproto::frame::{AccountFrame, Frame, IdentityFrame};
use crate::atproto::{Did, Tid};
use crate::clock::Clock;
use crate::entry::{AccountEvent, Desync, Entry, IdentityEvent, RejectedOp, partition_of};
use crate::fault::crash;
use crate::identity::Identities;
use crate::limits;
use crate::queue::Queue;
use crate::store::{Store, retry};
use crate::telemetry::{Counter, Counters};

/// How far events are proven before they are handed on.
#[derive(Clone)]
pub enum Verify {
    /// Signature, tree and chain.
    Full(Arc<Identities>),
    /// Blocks are hashed, nothing else: a named mode of the operator.
    HashesOnly,
}

/// What the lanes of a host share.
pub struct LaneParts {
    /// Which collections somebody wants.
    pub scope: Scope,
    /// Of the store.
    pub partitions: u16,
    /// Where entries go.
    pub queue: Arc<dyn Queue>,
    /// Whose chains these are.
    pub store: Arc<dyn Store>,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// How far events are proven.
    pub verify: Verify,
    /// Whether somebody fetches what is marked. A file of frames is all there is: an account that comes back in it goes
    /// on by its chain.
    pub repairs: bool,
    /// Which repositories are followed.
    pub followed: Arc<Followed>,
    /// What revs are held against.
    pub clock: Clock,
    /// Told when a repository is to be fetched.
    pub broken: Arc<Broken>,
}

/// One lane's state.
pub(super) struct Lane {
    parts: Arc<LaneParts>,
    chains: Chains,
    buffer: Buffer,
    held: HeldMessages,
    answers: mpsc::Receiver<Answer>,
    answer: mpsc::Sender<Answer>,
}

impl Lane {
    pub(super) fn new(parts: Arc<LaneParts>) -> Self {
        let (answer, answers) = mpsc::channel(limits::LANE_ANSWERS_MAX);
        Self {
            parts,
            chains: Chains::default(),
            buffer: Buffer::default(),
            held: HeldMessages::default(),
            answers,
            answer,
        }
    }

    /// Works until nobody sends any more.
    pub(super) async fn run(mut self, mut sent: mpsc::Receiver<Sent>) -> Result<(), IngestError> {
        loop {
            tokio::select! {
                biased;
                Some(answer) = self.answers.recv() => self.answered(answer).await?,
                next = sent.recv() => match next {
                    Some(Sent::Item(did, item)) => self.item(did, item).await?,
                    Some(Sent::Flush(flush)) => self.flush(&flush),
                    // Whoever asked may have gone away; then nobody waits for it.
                    Some(Sent::Settle(settled)) => drop(settled.send(())),
                    None => return Ok(()),
                },
            }
        }
    }

    fn flush(&mut self, flush: &Flush) {
        self.chains.flushed(flush.number, flush.durable);
        let held = self.held.lowest(&flush.source);
        let low = held.map_or(flush.seq, |seq| flush.seq.min(seq - 1));
        flush.low.store(low, Ordering::Release);
    }

    async fn item(&mut self, did: Did, item: Item) -> Result<(), IngestError> {
        match item {
            Item::Frame {
                message,
                origin,
                room,
            } => {
                let held = Held {
                    message,
                    origin,
                    _room: room,
                };
                if self.held.has(&did) {
                    self.held.push(&did, held);
                    return Ok(());
                }
                self.message(&did, held, None).await
            }
            Item::Broken { origin, reason } => {
                self.desync(&did, None, &origin, reason, Vec::new()).await
            }
            Item::Announced { rev, reason } => self.announced(&did, rev, reason).await,
            Item::Missed {
                rev,
                reason,
                marked,
            } => self.missed(&did, rev, reason, marked).await,
            Item::Follow { reason } => self.follow(&did, reason).await,
            Item::Resyncing { begun } => self.resyncing(&did, begun).await,
            Item::Resynced { rev, data } => self.resynced(&did, rev, data).await,
            Item::ResyncFailed { reason } => self.resync_failed(&did, reason).await,
            Item::Forget => {
                drop(self.buffer.take(&did));
                drop(self.held.take(&did));
                self.chains.forget(&did);
                Ok(())
            }
        }
    }

    /// Handles one message, or holds it until its account's key is known. `known`: what was just looked up.
    async fn message(
        &mut self,
        did: &Did,
        held: Held,
        known: Option<&Known>,
    ) -> Result<(), IngestError> {
        let mut fate = Fate::Done;
        match Frame::decode(&held.message) {
            Ok(Frame::Commit(frame)) => fate = self.commit(&frame, &held.origin, known).await?,
            Ok(other) => self.without_key(other, &held.origin).await?,
            // The intake sends nothing that does not decode.
            Err(_) => {}
        }
        if let Fate::Hold(need) = fate {
            self.parts.counters.add(Counter::FramesHeld, 1);
            self.held.push(did, held);
            self.look_up(did.clone(), need, std::time::Duration::ZERO);
        }
        Ok(())
    }

    /// Handles what needs no proof by the account's key.
    async fn without_key(&mut self, frame: Frame<'_>, origin: &Origin) -> Result<(), IngestError> {
        match frame {
            Frame::Sync(frame) => self.sync(&frame, origin).await,
            Frame::Identity(frame) => self.identity(frame, origin).await,
            Frame::Account(frame) => self.account(frame, origin).await,
            // The intake keeps what is about no account, and commits need a key.
            _ => Ok(()),
        }
    }

    async fn identity(
        &mut self,
        frame: IdentityFrame<'_>,
        origin: &Origin,
    ) -> Result<(), IngestError> {
        if let Verify::Full(identities) = &self.parts.verify {
            identities.purge(&frame.did);
        }
        let event = IdentityEvent {
            did: frame.did,
            handle: frame.handle.map(str::to_owned),
            source: origin.source.clone(),
            seq: frame.seq,
        };
        self.append(Entry::Identity(event)).await?;
        Ok(())
    }

    /// A hosting status. An account that comes back may have changed meanwhile, so it is fetched. The entry that says
    /// so is first: were only the status archived before a crash, nobody would know any more that the account was away.
    async fn account(
        &mut self,
        frame: AccountFrame<'_>,
        origin: &Origin,
    ) -> Result<(), IngestError> {
        let did = frame.did.clone();
        let followed = self.parts.followed.has(&did);
        let before = if followed {
            Some(self.chain(&did).await?)
        } else {
            None
        };
        let is_deleted = !frame.active && frame.status == Some("deleted");
        let event = AccountEvent {
            did: frame.did,
            active: frame.active,
            status: frame.status.map(str::to_owned),
            source: origin.source.clone(),
            seq: frame.seq,
        };
        let Some(before) = before else {
            return self.append(Entry::Account(event)).await;
        };
        let is_here = frame.active && self.parts.repairs;
        if is_here && !before.active {
            let reason = "the account is active again".to_owned();
            self.desync(&did, None, origin, reason, Vec::new()).await?;
        }
        self.append(Entry::Account(event)).await?;
        let chain = Chain {
            active: frame.active,
            ..self.chain(&did).await?
        };
        self.chains.put(&did, chain);
        if is_deleted {
            self.parts.broken.deleted();
        }
        // What was refused while it was away is given now.
        if is_here && chain.is_broken {
            self.parts.broken.returned(&did);
            self.parts.broken.marked();
        }
        Ok(())
    }

    /// Where a chain stands: as remembered, else as stored.
    async fn chain(&mut self, did: &Did) -> Result<Chain, IngestError> {
        if let Some(chain) = self.chains.get(did) {
            return Ok(chain);
        }
        if !self.parts.followed.has(did) {
            return Ok(Chain::unknown());
        }
        let (store, asked) = (Arc::clone(&self.parts.store), [did.clone()]);
        let never = tokio_util::sync::CancellationToken::new();
        let states = retry::until_done("chain", &never, || store.repo_states(&asked)).await?;
        let chain = states
            .first()
            .and_then(Option::as_ref)
            .map_or_else(Chain::unknown, Chain::stored);
        self.chains.put(did, chain);
        Ok(chain)
    }

    /// Marks a repository; commits of one that is followed wait from here on.
    async fn desync(
        &mut self,
        did: &Did,
        rev: Option<Tid>,
        origin: &Origin,
        reason: String,
        lost: Vec<RejectedOp>,
    ) -> Result<(), IngestError> {
        if self.parts.followed.has(did) {
            let chain = self.chain(did).await?;
            if matches!(self.parts.verify, Verify::Full(_)) {
                self.chains.put(did, chain.broken());
            }
            self.parts.counters.add(Counter::ReposDesynchronized, 1);
        }
        self.append(Entry::Desync(Desync {
            rev,
            lost,
            ..hole(did, origin, reason)
        }))
        .await?;
        self.parts.broken.marked();
        Ok(())
    }

    async fn append(&self, entry: Entry) -> Result<(), IngestError> {
        let partition = entry
            .did()
            .map_or(0, |did| partition_of(did, self.parts.partitions));
        self.parts.queue.append(partition, entry).await?;
        crash::at(crash::APPENDED);
        Ok(())
    }
}

/// A hole of which no more is known than why.
fn hole(did: &Did, origin: &Origin, reason: String) -> Desync {
    Desync {
        did: did.clone(),
        reason,
        rev: None,
        follow: false,
        lost: Vec::new(),
        source: origin.source.clone(),
        seq: origin.seq,
    }
}
