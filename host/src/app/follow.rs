//! The stream that is followed, and all that repairs, for as long as a queue lives; then with the next queue.
//!
//! Guarantees: a queue that has lost entries is no loss: whoever worked with it ends, a new one is opened when the
//! archiver has left the old one, and everything begins again from what the store says, as after a crash: the saved
//! cursor, the chains, the repositories to fetch, the lists to go through.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gaps::Gaps;
use super::ingest::{Ingest, Outside, verify};
use super::parts::Parts;
use super::pipeline::Pipeline;
use super::streams::{Stream, source_of, urls};
use super::watch::Watch;
use super::{backfill, pulse, queues};
use crate::config::{Settings, SourceKind, VerifyMode};
use crate::entry::Source;
use crate::ingest::{EventsParts, Prover, Pulse};
use crate::queue::{Queue, RenewedQueue};
use crate::telemetry::Counter;

/// A stream that is followed.
pub(super) struct Following {
    /// Ends with the stop: then all that was read is in the queue.
    pub(super) task: JoinHandle<()>,
    /// What is shown of it.
    pub(super) upstream: Upstream,
}

/// What is shown of a stream.
#[derive(Clone)]
pub(super) struct Upstream {
    /// The source that is followed now.
    pub(super) source: watch::Receiver<Source>,
    pub(super) pulse: Arc<Pulse>,
}

/// What outlives a queue.
struct Follower {
    settings: Settings,
    parts: Arc<Parts>,
    outside: Outside,
    watch: Watch,
    /// What the archiver reads.
    renewed: Arc<RenewedQueue>,
    current: watch::Sender<Source>,
    upstream: Upstream,
    /// Told when events of the whole stream may be missing.
    gap: Arc<Notify>,
    gaps: Arc<Gaps>,
    stop: CancellationToken,
}

/// Starts to follow the stream of the settings, and all that repairs. `renewed`: what the archiver reads.
pub(super) fn follow(
    settings: &Settings,
    parts: &Arc<Parts>,
    pipeline: &Pipeline,
    outside: &Outside,
    renewed: Arc<RenewedQueue>,
    stop: CancellationToken,
) -> Following {
    let (current, source) = watch::channel(source_of(urls(settings).first()));
    let pulse = Arc::new(Pulse::new(parts.clock.clone()));
    let upstream = Upstream { source, pulse };
    let gap = Arc::new(Notify::new());
    let counters = Arc::clone(&parts.counters);
    let follower = Follower {
        settings: settings.clone(),
        parts: Arc::clone(parts),
        outside: outside.clone(),
        watch: pipeline.watch.clone(),
        renewed,
        current,
        upstream: upstream.clone(),
        gaps: Arc::new(Gaps::new(
            settings.ingest.backfill,
            counters,
            Arc::clone(&gap),
        )),
        gap,
        stop,
    };
    let task = pipeline.watch.over("ingest", tokio::spawn(follower.run()));
    Following { task, upstream }
}

impl Follower {
    /// Follows with one queue after another until told to stop.
    async fn run(self) -> anyhow::Result<()> {
        while let Some(queue) = queues::open(&self.settings, &self.parts, &self.stop).await? {
            self.renewed.renew(Arc::clone(&queue));
            self.with(queue).await?;
            if self.stop.is_cancelled() {
                break;
            }
            self.parts.counters.add(Counter::QueueLost, 1);
            tracing::warn!(
                "app.queue_lost: the queue is opened anew, and the upstream read again from the saved cursor"
            );
            tokio::select! {
                () = self.stop.cancelled() => break,
                // What it read of the lost one is committed by then: the store is what the next one begins from.
                () = self.renewed.left() => {}
            }
            if self.parts.counters.get(Counter::StreamGaps) > 0 {
                // What a sweep had found may have been lost with the queue.
                self.gap.notify_one();
            }
        }
        Ok(())
    }

    /// Follows until told to stop, or the queue is lost.
    async fn with(&self, queue: Arc<dyn Queue>) -> anyhow::Result<()> {
        let end = self.stop.child_token();
        let (task, ingest) = self.start(Arc::clone(&queue), &end).await?;
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = queue.lost() => end.cancel(),
        }
        // The source first: what it read goes through the lanes.
        task.await?;
        ingest.close().await?;
        Ok(())
    }

    /// Starts the source, the lanes, and all that repairs.
    async fn start(
        &self,
        queue: Arc<dyn Queue>,
        end: &CancellationToken,
    ) -> anyhow::Result<(JoinHandle<()>, Ingest)> {
        let (settings, parts, outside) = (&self.settings, &self.parts, &self.outside);
        let repairs = settings.ingest.verify == VerifyMode::Full;
        let verify = verify(settings, outside);
        let pulse = &self.upstream.pulse;
        let noted = Some(Arc::clone(pulse));
        let mut ingest = Ingest::start(parts, &self.watch, queue, noted, verify, repairs).await?;
        if repairs {
            ingest.repair(settings, parts, outside);
            ingest.sweep(settings, outside, Arc::clone(&self.gap));
            ingest.audit(settings, parts, outside, &self.upstream);
            backfill::automatic(settings, parts, &mut ingest, outside, Arc::clone(pulse)).await?;
        }
        let store = Arc::clone(&parts.store);
        let watching = pulse::watch(self.upstream.clone(), store, ingest.stop().clone());
        ingest.work("watch over the stream", watching);
        let stream = Stream {
            urls: urls(settings).clone(),
            start: settings.ingest.start,
            parts: Arc::clone(parts),
            current: self.current.clone(),
            pulse: Arc::clone(pulse),
            stop: end.clone(),
        };
        let task = match settings.ingest.source {
            SourceKind::Relay => {
                let relays = stream.relays(ingest.intake(parts), Arc::clone(&self.gap));
                ingest.task("source", relays)
            }
            SourceKind::Jetstream => {
                let filling = Arc::clone(&self.gaps).run(
                    ingest.backfill(parts, outside),
                    settings.ingest.relay.first().http(),
                    ingest.stop().clone(),
                );
                ingest.work("backfill of gaps", filling);
                let jetstreams = stream.jetstreams(self.events(&ingest), Arc::clone(&self.gaps));
                ingest.task("source", jetstreams)
            }
        };
        Ok((task, ingest))
    }

    /// What a Jetstream's events are handed to.
    fn events(&self, ingest: &Ingest) -> EventsParts {
        let (parts, outside) = (&self.parts, &self.outside);
        let prover = Prover {
            client: outside.client.clone(),
            identities: Arc::clone(&outside.identities),
            percent: self.settings.ingest.jetstream_verify.percent(),
        };
        EventsParts {
            queue: Arc::clone(ingest.queue()),
            partitions: parts.store.partitions(),
            counters: Arc::clone(&parts.counters),
            clock: parts.clock.clone(),
            identities: Some(Arc::clone(&outside.identities)),
            pulse: Arc::clone(&self.upstream.pulse),
            prover: (prover.percent > 0).then_some(prover),
            returns: (self.settings.ingest.verify == VerifyMode::Full)
                .then(|| ingest.returns(parts)),
        }
    }
}
