//! A commit is held against its blocks, its tree, its signature and its chain; a `#sync` against the chain.

use super::key::{Known, Need};
use super::{Lane, Verify};
use crate::atproto::frame::{CommitFrame, SyncFrame};
use crate::entry::{Commit, Entry, RejectedOp, Trust};
use crate::ingest::IngestError;
use crate::ingest::commit::{self, CommitError, Opened};
use crate::ingest::lanes::Origin;
use crate::limits;
use crate::telemetry::Counter;

use super::chains::Chain;

/// What became of a message.
pub(super) enum Fate {
    /// It was handed on, refused or passed over: the cursor may pass it.
    Done,
    /// Its account's key has to be looked up first.
    Hold(Need),
}

impl Lane {
    /// Judges one commit.
    pub(super) async fn commit(
        &mut self,
        frame: &CommitFrame<'_>,
        origin: &Origin,
        known: Option<&Known>,
    ) -> Result<Fate, IngestError> {
        let counters = &self.parts.counters;
        let followed = self.parts.followed.has(&frame.repo);
        let scope = &self.parts.scope;
        if !followed && !scope.is_all() && commit::wanted(frame, scope).next().is_none() {
            counters.add(Counter::CommitsOutOfScope, 1);
            return Ok(Fate::Done);
        }
        let chain = self.chain(&frame.repo).await?;
        if chain.rev.is_some_and(|rev| frame.rev <= rev) {
            self.parts.counters.add(Counter::CommitsReplayed, 1);
            return Ok(Fate::Done);
        }
        match self.prove(frame, origin, known) {
            Ok(Proven::Commit(commit, missing)) => {
                self.place(commit, missing, frame, origin, chain).await?;
            }
            Ok(Proven::Needs(need)) => return Ok(Fate::Hold(need)),
            Err(error) => self.refuse(frame, origin, &error).await?,
        }
        Ok(Fate::Done)
    }

    /// Everything that can be said of a commit by itself.
    fn prove(
        &self,
        frame: &CommitFrame<'_>,
        origin: &Origin,
        known: Option<&Known>,
    ) -> Result<Proven, CommitError> {
        let Verify::Full(identities) = &self.parts.verify else {
            let opened = Opened::read(frame)?;
            let commit = opened.entry(&self.parts.scope, &origin.source, Trust::Hashed);
            return Ok(Proven::Commit(commit, Vec::new()));
        };
        let ahead_us = frame.rev.time_us() - self.parts.clock.now_us();
        if ahead_us > limits::REV_AHEAD_MS_MAX * 1_000 {
            return Err(CommitError::FutureRev {
                rev: frame.rev.to_string(),
            });
        }
        // The key first: what waits for it is proven once, when it is there.
        let cached = || identities.cached(&frame.repo).map(Known::cached);
        let Some(known) = known.cloned().or_else(cached) else {
            return Ok(Proven::Needs(Need::Key));
        };
        let opened = Opened::read(frame)?;
        opened.prove()?;
        let signed = match known.key() {
            Ok(key) => opened.is_signed_by(key),
            Err(error) if known.is_fresh() => return Err(error),
            Err(_) => false,
        };
        match (signed, known.is_fresh()) {
            (true, _) => Ok(Proven::Commit(
                opened.entry(&self.parts.scope, &origin.source, Trust::Verified),
                opened.missing_records(&self.parts.scope),
            )),
            // The key may have changed without a word.
            (false, false) => Ok(Proven::Needs(Need::FreshKey)),
            (false, true) => Err(CommitError::Signature),
        }
    }

    /// Hands a proven commit on when it is the next of its chain; one that is not breaks the chain and waits. What it
    /// lacks of a wanted record is in the repository, which is fetched: the commit proves that it is there.
    async fn place(
        &mut self,
        commit: Commit,
        missing: Vec<RejectedOp>,
        frame: &CommitFrame<'_>,
        origin: &Origin,
        chain: Chain,
    ) -> Result<(), IngestError> {
        if commit.trust != Trust::Verified {
            self.hand_on(commit, chain).await?;
            return Ok(());
        }
        let rev = Some(frame.rev);
        if !missing.is_empty() {
            self.parts.counters.reject("record-absent");
            let follows = !chain.is_broken && chain.leads_to(frame.since, frame.prev_data);
            if follows {
                self.hand_on(commit, chain).await?;
            }
            let (rev, reason) = (
                rev.filter(|_| !follows),
                "a commit lacks records".to_owned(),
            );
            return self.desync(&frame.repo, rev, origin, reason, missing).await;
        }
        if chain.is_broken {
            self.buffer.push(commit, frame.prev_data);
            return Ok(());
        }
        if chain.leads_to(frame.since, frame.prev_data) {
            self.hand_on(commit, chain).await?;
            return Ok(());
        }
        let reason = gap(chain, frame);
        self.parts.counters.reject("gap");
        self.desync(&frame.repo, rev, origin, reason, Vec::new())
            .await?;
        self.buffer.push(commit, frame.prev_data);
        Ok(())
    }

    /// Appends a commit and moves its chain; gives it as it stands after.
    pub(super) async fn hand_on(
        &mut self,
        commit: Commit,
        chain: Chain,
    ) -> Result<Chain, IngestError> {
        let counters = &self.parts.counters;
        counters.add(Counter::Ops, commit.ops.len() as u64);
        counters.add(Counter::OpsRejected, commit.rejected.len() as u64);
        if commit.trust == Trust::Verified {
            counters.add(Counter::CommitsVerified, 1);
        }
        let (did, moved) = (commit.did.clone(), chain.after(&commit));
        let is_first = !self.parts.followed.has(&did);
        let keeps_something = !(commit.ops.is_empty() && commit.rejected.is_empty());
        self.append(Entry::Commit(commit)).await?;
        if keeps_something || !is_first {
            self.parts.followed.add(&did);
            self.chains.put(&did, moved);
        }
        Ok(moved)
    }

    /// Counts a commit that cannot be used and marks what it leaves behind.
    pub(super) async fn refuse(
        &mut self,
        frame: &CommitFrame<'_>,
        origin: &Origin,
        error: &CommitError,
    ) -> Result<(), IngestError> {
        self.parts.counters.reject(error.reason());
        let (did, seq, at) = (&frame.repo, origin.seq, origin.at);
        tracing::warn!(at, seq, %did, %error, "ingest.commit_refused: a commit cannot be used");
        let reason = error.to_string();
        let lost = commit::wanted(frame, &self.parts.scope)
            .map(|op| commit::rejected(op, reason.as_str()))
            .collect();
        // Its rev is not proven either: no snapshot has to reach it.
        self.desync(did, None, origin, reason, lost).await
    }

    /// A repository's state, declared anew. Nothing to do where it is the state that the chain stands at.
    pub(super) async fn sync(
        &mut self,
        frame: &SyncFrame<'_>,
        origin: &Origin,
    ) -> Result<(), IngestError> {
        if !self.parts.followed.has(&frame.did) {
            return Ok(());
        }
        let chain = self.chain(&frame.did).await?;
        if chain.rev.is_none_or(|rev| frame.rev > rev) {
            let reason = format!("#sync announced rev {}", frame.rev);
            self.desync(&frame.did, None, origin, reason, Vec::new())
                .await?;
        }
        Ok(())
    }
}

/// A commit by itself.
enum Proven {
    /// With the operations whose records it lacks.
    Commit(Commit, Vec<RejectedOp>),
    Needs(Need),
}

fn gap(chain: Chain, frame: &CommitFrame<'_>) -> String {
    let text =
        |tid: Option<crate::atproto::Tid>| tid.map_or_else(|| "none".to_owned(), |t| t.to_string());
    if frame.since == chain.rev {
        format!(
            "expected rev {} to follow the tree that is archived, got another prevData",
            frame.rev
        )
    } else {
        format!(
            "expected rev {} to follow {}, got since {}: a commit is missing",
            frame.rev,
            text(chain.rev),
            text(frame.since)
        )
    }
}
