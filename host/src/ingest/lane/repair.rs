//! A repository that is fetched whole: when its commits begin to wait, and how they go on.

use tokio::sync::oneshot;

use super::chains::Chain;
use super::{Lane, hole};
use crate::atproto::{Cid, Did, Tid};
use crate::entry::{Desync, Entry, Source};
use crate::ingest::IngestError;
use crate::ingest::lanes::Origin;
use crate::telemetry::Counter;

impl Lane {
    /// Somebody says that a followed repository is further than this host.
    pub(super) async fn announced(
        &mut self,
        did: &Did,
        rev: Tid,
        reason: String,
    ) -> Result<(), IngestError> {
        if !self.parts.followed.has(did) {
            return Ok(());
        }
        let chain = self.chain(did).await?;
        if chain.is_broken || chain.rev.is_some_and(|known| rev <= known) {
            return Ok(());
        }
        self.desync(did, None, &by_host(), reason, Vec::new()).await
    }

    /// A followed repository's own host has a rev that no event told of. What is handed on or held here came by the
    /// stream, whatever the archive has of it.
    pub(super) async fn missed(
        &mut self,
        did: &Did,
        rev: Tid,
        reason: String,
        marked: oneshot::Sender<bool>,
    ) -> Result<(), IngestError> {
        let mut is_hidden = self.parts.followed.has(did) && !self.held.has(did);
        if is_hidden {
            let chain = self.chain(did).await?;
            let is_behind = chain.rev.is_some_and(|known| known < rev);
            is_hidden = is_behind && chain.active && !chain.is_broken;
        }
        if is_hidden {
            self.desync(did, Some(rev), &by_host(), reason, Vec::new())
                .await?;
        }
        // An audit that was stopped meanwhile counts nothing.
        marked.send(is_hidden).ok();
        Ok(())
    }

    /// A backfill asks for a repository.
    pub(super) async fn follow(&mut self, did: &Did, reason: String) -> Result<(), IngestError> {
        let chain = self.chain(did).await?;
        self.parts.followed.add(did);
        self.chains.put(did, chain.broken());
        self.append(Entry::Desync(Desync {
            follow: true,
            ..hole(did, &by_host(), reason)
        }))
        .await?;
        self.parts.broken.marked();
        Ok(())
    }

    /// A snapshot is about to be fetched. All that was handed on before is in the queue before this entry.
    pub(super) async fn resyncing(
        &mut self,
        did: &Did,
        begun: oneshot::Sender<()>,
    ) -> Result<(), IngestError> {
        let chain = self.chain(did).await?;
        self.parts.followed.add(did);
        self.chains.put(did, chain.broken());
        self.append(Entry::Resyncing { did: did.clone() }).await?;
        // A resync that was stopped meanwhile begins again some time.
        begun.send(()).ok();
        Ok(())
    }

    /// A snapshot is in the queue: what waited goes on from it, as far as the chain holds.
    pub(super) async fn resynced(
        &mut self,
        did: &Did,
        rev: Tid,
        data: Cid,
    ) -> Result<(), IngestError> {
        let before = self.chain(did).await?;
        let mut chain = Chain {
            rev: Some(rev),
            data: Some(data),
            is_broken: false,
            active: before.active,
        };
        self.chains.put(did, chain);
        let mut waited = self.buffer.take(did);
        while let Some(waiting) = waited.commits.pop_front() {
            if waiting.commit.rev <= rev {
                self.parts.counters.add(Counter::CommitsReplayed, 1);
                continue;
            }
            if !chain.leads_to(waiting.commit.since, waiting.prev_data) {
                let reason = format!("the snapshot at {rev} and the commits after it do not meet");
                self.desync(
                    did,
                    Some(waiting.commit.rev),
                    &by_host(),
                    reason,
                    Vec::new(),
                )
                .await?;
                self.buffer.push(waiting.commit, waiting.prev_data);
                for rest in waited.commits.drain(..) {
                    self.buffer.push(rest.commit, rest.prev_data);
                }
                return Ok(());
            }
            chain = self.hand_on(waiting.commit, chain).await?;
        }
        if waited.overflowed {
            let reason = "more commits came during the resync than are kept".to_owned();
            self.desync(did, None, &by_host(), reason, Vec::new())
                .await?;
        }
        Ok(())
    }

    /// A snapshot could not be had. The repository stays as it is, with the reason of this try.
    pub(super) async fn resync_failed(
        &mut self,
        did: &Did,
        reason: String,
    ) -> Result<(), IngestError> {
        let hole = hole(did, &by_host(), reason);
        self.append(Entry::Desync(hole)).await
    }
}

/// What this host finds out by itself has no number: no mark ever covers it.
fn by_host() -> Origin {
    Origin {
        source: Source("host".into()),
        seq: i64::MAX,
        at: 0,
    }
}
