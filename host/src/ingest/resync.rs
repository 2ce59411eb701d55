//! Repair: a repository that is not synchronized is fetched whole, proven, and held against the archive.
//!
//! Guarantees:
//! - the work is what the store says, so a crash loses none of it;
//! - the archive is compared only when everything that was handed on before is in it, and commits that come meanwhile
//!   wait in their lane, so that the difference is exact;
//! - what is said is proven: signed, whole, every block hashed, not older than what is archived;
//! - a bounded number at once, the first try at once, each next one later; a slow host ends at its deadline.
//!
//! Writes to the queue alone.

mod car_file;
mod error;
mod fetch;
mod schedule;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::error::ResyncError;
use self::fetch::{Fetched, Fetcher};
use self::schedule::{Ended, Schedule};
use self::snapshot::{Compared, Snapshot, SnapshotParts};
use super::broken::Broken;
use super::lanes::{Item, Lanes};
use super::{IngestError, Scope};
use crate::atproto::{Did, Tid};
use crate::entry::{Entry, Resynced, partition_of};
use crate::fault::crash;
use crate::fault::{Class, Classify};
use crate::identity::Identities;
use crate::limits;
use crate::net::Client;
use crate::queue::Queue;
use crate::store::{RepoStatus, Store};
use crate::telemetry::{Counter, Counters};

/// What a resync works with.
pub struct ResyncParts {
    /// Told when commits are to wait, and when they may go on.
    pub lanes: Arc<Lanes>,
    /// Where the difference goes.
    pub queue: Arc<dyn Queue>,
    /// What is broken, and what is archived.
    pub store: Arc<dyn Store>,
    /// Which collections somebody wants.
    pub scope: Scope,
    /// Keys and hosts.
    pub identities: Arc<Identities>,
    /// The way out.
    pub client: Client,
    /// Scheme and authority of the upstream, where it has repositories.
    pub upstream: Option<String>,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// When to look.
    pub broken: Arc<Broken>,
}

/// The worker that repairs repositories.
pub struct Resync {
    shared: Arc<Shared>,
    schedule: Schedule,
    /// The last repository looked at, so that one page of those that fail does not hide the others.
    after: i64,
}

struct Shared {
    parts: ResyncParts,
    fetcher: Fetcher,
    stop: CancellationToken,
}

type Finished = (Did, Result<Compared, ResyncError>);

impl Resync {
    /// A worker that ends with `stop`.
    #[must_use]
    pub fn new(parts: ResyncParts, stop: CancellationToken) -> Self {
        let fetcher = Fetcher {
            client: parts.client.clone(),
            identities: Arc::clone(&parts.identities),
            upstream: parts.upstream.clone(),
        };
        Self {
            shared: Arc::new(Shared {
                parts,
                fetcher,
                stop,
            }),
            schedule: Schedule::default(),
            after: 0,
        }
    }

    /// Repairs until told to stop.
    ///
    /// # Errors
    /// When the store or a lane fails for good.
    pub async fn run(mut self) -> Result<(), IngestError> {
        let mut running: JoinSet<Finished> = JoinSet::new();
        while !self.shared.stop.is_cancelled() {
            for did in self.shared.parts.broken.take_returned() {
                self.schedule.hurry(&did, Instant::now());
            }
            self.begin(&mut running).await?;
            let look_again = Duration::from_millis(limits::RESYNC_LOOK_MS);
            let full = running.len() >= limits::RESYNCS_AT_ONCE_MAX;
            tokio::select! {
                () = self.shared.stop.cancelled() => {}
                () = self.shared.parts.broken.work(), if !full => {}
                Some(finished) = running.join_next() => self.finish(finished).await?,
                () = tokio::time::sleep(look_again) => {}
            }
        }
        running.shutdown().await;
        Ok(())
    }

    /// Begins what is due, as far as there is room.
    async fn begin(&mut self, running: &mut JoinSet<Finished>) -> Result<(), IngestError> {
        let now = Instant::now();
        self.schedule.prune(now);
        let page = match self
            .shared
            .parts
            .store
            .broken_repos(self.after, limits::BROKEN_PAGE_ROWS)
            .await
        {
            Ok(page) => page,
            // It is looked at again soon.
            Err(error) if error.class() == Class::Retry => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let whole = page.len() < limits::BROKEN_PAGE_ROWS;
        for (id, repo) in page {
            if running.len() >= limits::RESYNCS_AT_ONCE_MAX {
                return Ok(());
            }
            self.after = id;
            if self.schedule.is_due(&repo.did, now) {
                self.schedule.begin(&repo.did, now);
                let shared = Arc::clone(&self.shared);
                running.spawn(async move {
                    let done = shared.repair(&repo.did).await;
                    (repo.did, done)
                });
            }
        }
        if whole {
            self.after = 0;
        }
        Ok(())
    }

    async fn finish(
        &mut self,
        finished: Result<Finished, tokio::task::JoinError>,
    ) -> Result<(), IngestError> {
        let (did, done) = finished.map_err(|e| IngestError::Lane(e.to_string()))?;
        let counters = &self.shared.parts.counters;
        let ended = match done {
            Ok(compared) => {
                counters.add(Counter::Resyncs, 1);
                counters.add(Counter::ResyncRecords, compared.records);
                let (records, changed) = (compared.records, compared.changed);
                tracing::info!(%did, records, changed, "resync.done: a repository is synchronized");
                Ended::Well
            }
            Err(error) if error.class() == Class::Canceled => Ended::Badly,
            Err(error) => {
                counters.add(Counter::ResyncsFailed, 1);
                tracing::warn!(%did, %error, "resync.failed: a repository could not be fetched; it is tried again later");
                let class = error.class();
                let reason = error.to_string();
                self.shared
                    .parts
                    .lanes
                    .send(&did, Item::ResyncFailed { reason })
                    .await?;
                if class == Class::Reject {
                    Ended::Refused
                } else {
                    Ended::Badly
                }
            }
        };
        self.schedule.end(&did, Instant::now(), ended);
        Ok(())
    }
}

impl Shared {
    /// Repairs one repository.
    async fn repair(&self, did: &Did) -> Result<Compared, ResyncError> {
        let (begun, began) = oneshot::channel();
        self.parts
            .lanes
            .send(did, Item::Resyncing { begun })
            .await?;
        began.await.map_err(|_| ResyncError::Stopped)?;
        let known = self.settled(did).await?;
        let fetched = self.fetcher.fetch(did, known).await?;
        let (rev, data) = (fetched.rev, fetched.data);
        let compared = self.compare(did.clone(), fetched).await?;
        let entry = Entry::Resynced(Resynced {
            did: did.clone(),
            rev,
            data,
        });
        let partition = partition_of(did, self.parts.store.partitions());
        let appended = self.parts.queue.append(partition, entry).await;
        appended.map_err(|e| ResyncError::Ingest(e.into()))?;
        crash::at(crash::SNAPSHOT_ENDS);
        self.parts
            .lanes
            .send(did, Item::Resynced { rev, data })
            .await?;
        Ok(compared)
    }

    /// Waits until the archive has everything that was handed on before the lane began to wait: the entry that says
    /// so has come through the same queue. Gives the rev that a snapshot has to reach.
    async fn settled(&self, did: &Did) -> Result<Option<Tid>, ResyncError> {
        let asked = [did.clone()];
        let deadline = Instant::now() + Duration::from_millis(limits::RESYNC_SETTLE_MS_MAX);
        loop {
            let states = self.parts.store.repo_states(&asked).await?;
            match states.into_iter().next().flatten() {
                Some(state) if state.status == RepoStatus::Resyncing => {
                    return Ok(state.rev.max(state.want));
                }
                Some(_) if Instant::now() < deadline => {}
                Some(_) => return Err(ResyncError::Superseded),
                None => return Err(ResyncError::Gone),
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(ResyncError::Stopped),
                () = tokio::time::sleep(Duration::from_millis(limits::RESYNC_SETTLE_MS)) => {}
            }
        }
    }

    async fn compare(&self, did: Did, fetched: Fetched) -> Result<Compared, ResyncError> {
        let parts = SnapshotParts {
            scope: self.parts.scope.clone(),
            partitions: self.parts.store.partitions(),
            queue: Arc::clone(&self.parts.queue),
            store: Arc::clone(&self.parts.store),
            stop: self.stop.clone(),
        };
        let runtime = Handle::current();
        let work = tokio::task::spawn_blocking(move || {
            Snapshot::new(&parts, runtime, &fetched.car, &did, fetched.rev).compare(fetched.data)
        });
        work.await.map_err(|e| ResyncError::Ended(e.to_string()))?
    }
}
