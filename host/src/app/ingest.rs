//! What stands between a source and the queue: lanes, and the workers that repair.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::follow::Upstream;
use super::parts::Parts;
use super::watch::Watch;
use crate::config::{RelayUrl, Settings, SourceKind, VerifyMode};
use crate::identity::{Identities, IdentityOptions};
use crate::ingest::{
    AuditParts, BackfillParts, Broken, ErasureParts, Followed, IngestError, IntakeParts, LaneParts,
    Lanes, Noting, Pulse, Resync, ResyncParts, Returns, SweepParts, Verify, run_audits,
    run_erasures, run_sweeps,
};
use crate::net::{self, SystemDns};
use crate::queue::Queue;

/// The way out and who is who.
#[derive(Clone)]
pub(super) struct Outside {
    pub(super) client: net::Client,
    pub(super) identities: Arc<Identities>,
}

impl Outside {
    pub(super) fn new(settings: &Settings, parts: &Parts) -> anyhow::Result<Self> {
        let client = net::Client::new(net::NetOptions {
            allowed: settings.net.allow.clone(),
            dns: Arc::new(SystemDns::new()?),
        })?;
        let options = IdentityOptions {
            plc: settings.identity.plc.as_str().to_owned(),
            clock: parts.clock.clone(),
            test_handles_via: settings
                .identity
                .test_handles_via
                .as_ref()
                .map(|url| url.as_str().to_owned()),
        };
        let identities = Arc::new(Identities::new(client.clone(), options));
        Ok(Self { client, identities })
    }
}

/// Running lanes with their workers, for the life of one queue.
pub(super) struct Ingest {
    queue: Arc<dyn Queue>,
    watch: Watch,
    pub(super) lanes: Arc<Lanes>,
    followed: Arc<Followed>,
    broken: Arc<Broken>,
    stop: CancellationToken,
    workers: Vec<JoinHandle<()>>,
}

impl Ingest {
    /// Starts the lanes alone; `queue` is what they append to. What they append of the stream is noted in `pulse`.
    pub(super) async fn start(
        parts: &Parts,
        watch: &Watch,
        queue: Arc<dyn Queue>,
        pulse: Option<Arc<Pulse>>,
        verify: Verify,
        repairs: bool,
    ) -> anyhow::Result<Self> {
        let noting = pulse.map(|pulse| Noting {
            queue: Arc::clone(&queue),
            pulse,
        });
        let followed = Arc::new(Followed::load(&*parts.store).await?);
        let broken = Arc::new(Broken::default());
        let lanes = Lanes::start(LaneParts {
            scope: parts.scope.clone(),
            partitions: parts.store.partitions(),
            queue: match noting {
                Some(noting) => Arc::new(noting),
                None => Arc::clone(&queue),
            },
            store: Arc::clone(&parts.store),
            counters: Arc::clone(&parts.counters),
            verify,
            repairs,
            followed: Arc::clone(&followed),
            clock: parts.clock.clone(),
            broken: Arc::clone(&broken),
        });
        Ok(Self {
            queue,
            watch: watch.clone(),
            lanes,
            followed,
            broken,
            stop: CancellationToken::new(),
            workers: Vec::new(),
        })
    }

    /// Starts what repairs repositories and confirms deletions.
    pub(super) fn repair(&mut self, settings: &Settings, parts: &Parts, outside: &Outside) {
        let resync = ResyncParts {
            lanes: Arc::clone(&self.lanes),
            queue: Arc::clone(&self.queue),
            store: Arc::clone(&parts.store),
            scope: parts.scope.clone(),
            identities: Arc::clone(&outside.identities),
            client: outside.client.clone(),
            upstream: Some(settings.ingest.relay.first().http()),
            counters: Arc::clone(&parts.counters),
            broken: Arc::clone(&self.broken),
        };
        let resync = Resync::new(resync, self.stop.clone());
        let erasure = ErasureParts {
            lanes: Arc::clone(&self.lanes),
            queue: Arc::clone(&self.queue),
            store: Arc::clone(&parts.store),
            identities: Arc::clone(&outside.identities),
            client: outside.client.clone(),
            broken: Arc::clone(&self.broken),
        };
        self.work("resync", resync.run());
        self.work("erasure", run_erasures(erasure, self.stop.clone()));
    }

    /// Starts the sweeps after gaps of the stream.
    pub(super) fn sweep(
        &mut self,
        settings: &Settings,
        outside: &Outside,
        gap: Arc<tokio::sync::Notify>,
    ) {
        let sweep = SweepParts {
            lanes: Arc::clone(&self.lanes),
            followed: Arc::clone(&self.followed),
            client: outside.client.clone(),
            upstreams: settings.ingest.relay.iter().map(RelayUrl::http).collect(),
            gap,
        };
        self.work("sweep", run_sweeps(sweep, self.stop.clone()));
    }

    /// Starts the audit, where it is wanted: accounts' own hosts are asked whether the relay hides something.
    pub(super) fn audit(
        &mut self,
        settings: &Settings,
        parts: &Parts,
        outside: &Outside,
        upstream: &Upstream,
    ) {
        // A Jetstream moves no chain that a host's rev could be held against.
        let every = match settings.ingest.source {
            SourceKind::Relay => settings.ingest.audit,
            SourceKind::Jetstream => None,
        };
        let Some(every) = every else { return };
        let audit = AuditParts {
            lanes: Arc::clone(&self.lanes),
            store: Arc::clone(&parts.store),
            identities: Arc::clone(&outside.identities),
            client: outside.client.clone(),
            counters: Arc::clone(&parts.counters),
            clock: parts.clock.clone(),
            pulse: Arc::clone(&upstream.pulse),
            source: upstream.source.clone(),
            every,
            grace: settings.limits.audit_grace,
        };
        self.work("audit", run_audits(audit, self.stop.clone()));
    }

    /// Has a worker end with the others.
    pub(super) fn work(
        &mut self,
        name: &str,
        work: impl Future<Output = Result<(), IngestError>> + Send + 'static,
    ) {
        let worker = self.task(name, work);
        self.workers.push(worker);
    }

    /// Starts a task that works on this queue: a loss of the queue ends it, and is no failure of the host.
    pub(super) fn task(
        &self,
        name: &str,
        work: impl Future<Output = Result<(), IngestError>> + Send + 'static,
    ) -> JoinHandle<()> {
        let queue = Arc::clone(&self.queue);
        let work = async move {
            match work.await {
                Err(error) if is_lost(&*queue).await => {
                    tracing::debug!(%error, "app.ended: a part of ingest ended with its queue");
                    Ok(())
                }
                ended => ended,
            }
        };
        self.watch.over(name, tokio::spawn(work))
    }

    /// The queue that this is all about.
    pub(super) fn queue(&self) -> &Arc<dyn Queue> {
        &self.queue
    }

    /// What a source of frames is given.
    pub(super) fn intake(&self, parts: &Parts) -> IntakeParts {
        IntakeParts {
            lanes: Arc::clone(&self.lanes),
            queue: Arc::clone(&self.queue),
            store: Arc::clone(&parts.store),
            counters: Arc::clone(&parts.counters),
        }
    }

    /// What tells which accounts come back.
    pub(super) fn returns(&self, parts: &Parts) -> Returns {
        Returns::new(Arc::clone(&parts.store), Arc::clone(&self.broken))
    }

    /// What a backfill is given.
    pub(super) fn backfill(&self, parts: &Parts, outside: &Outside) -> BackfillParts {
        BackfillParts {
            lanes: Arc::clone(&self.lanes),
            queue: Arc::clone(&self.queue),
            store: Arc::clone(&parts.store),
            client: outside.client.clone(),
        }
    }

    /// The workers' stop.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Ends the workers, then the lanes. Sources have ended before.
    ///
    /// # Errors
    /// What ended a lane.
    pub(super) async fn close(self) -> Result<(), IngestError> {
        self.stop.cancel();
        for worker in self.workers {
            // A join error is the watcher's panic; it has nothing that could.
            worker.await.ok();
        }
        match self.lanes.close().await {
            // A queue that is closed, or lost, ends its lanes.
            Err(IngestError::Queue(_)) => Ok(()),
            ended => ended,
        }
    }
}

async fn is_lost(queue: &dyn Queue) -> bool {
    tokio::select! {
        biased;
        () = queue.lost() => true,
        () = std::future::ready(()) => false,
    }
}

/// How far events are proven, by the settings.
pub(super) fn verify(settings: &Settings, outside: &Outside) -> Verify {
    match settings.ingest.verify {
        VerifyMode::Full => Verify::Full(Arc::clone(&outside.identities)),
        VerifyMode::Hashes => Verify::HashesOnly,
    }
}
