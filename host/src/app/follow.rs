//! The stream that is followed: which source, where it is begun, and which one is next when it does not serve.
//!
//! Guarantees: each source has its own cursor; what was read of one is in the queue before the next is asked. The way
//! back is the same as the way there: the list is gone through in a circle.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gaps::Gaps;
use super::ingest::{Ingest, Outside, verify};
use super::parts::Parts;
use super::pipeline::Pipeline;
use super::{backfill, pulse};
use crate::config::{RelayUrl, Settings, SourceKind, StartAt, StreamUrls, VerifyMode};
use crate::entry::Source;
use crate::ingest::{
    Compression, Deadlines, Events, EventsParts, IngestError, Intake, JetstreamOptions, Noting,
    Prover, Pulse, RelayOptions, run_jetstream, run_relay,
};
use crate::limits;
use crate::telemetry::Counters;

/// A stream that is followed.
pub(super) struct Following {
    /// Ends with the source's stop.
    pub(super) task: JoinHandle<()>,
    /// What repairs; to be closed after the source.
    pub(super) ingest: Ingest,
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

/// What every source needs.
struct Stream {
    urls: StreamUrls,
    start: StartAt,
    parts: Arc<Parts>,
    current: watch::Sender<Source>,
    pulse: Arc<Pulse>,
    stop: CancellationToken,
}

/// Starts to follow the stream of the settings, and all that repairs.
pub(super) async fn follow(
    settings: &Settings,
    parts: &Arc<Parts>,
    pipeline: &Pipeline,
    outside: &Outside,
    stop: CancellationToken,
) -> anyhow::Result<Following> {
    let pulse = Arc::new(Pulse::new(parts.clock.clone()));
    let queue = Arc::new(Noting {
        queue: Arc::clone(&pipeline.queue),
        pulse: Arc::clone(&pulse),
    });
    let repairs = settings.ingest.verify == VerifyMode::Full;
    let verify = verify(settings, outside);
    let mut ingest = Ingest::start(parts, queue, verify, repairs).await?;
    let urls = match settings.ingest.source {
        SourceKind::Relay => settings.ingest.relay.clone(),
        SourceKind::Jetstream => settings.ingest.jetstream.clone(),
    };
    let (current, source) = watch::channel(source_of(urls.first()));
    let stream = Stream {
        urls,
        start: settings.ingest.start,
        parts: Arc::clone(parts),
        current,
        pulse: Arc::clone(&pulse),
        stop,
    };
    let upstream = Upstream { source, pulse };
    let gap = Arc::new(Notify::new());
    if repairs {
        ingest.repair(settings, parts, pipeline, outside);
        ingest.sweep(settings, pipeline, outside, Arc::clone(&gap));
        ingest.audit(settings, parts, pipeline, outside, &upstream);
        let pulse = Arc::clone(&upstream.pulse);
        backfill::automatic(settings, parts, pipeline, &mut ingest, outside, pulse).await?;
    }
    let watching = pulse::watch(
        upstream.clone(),
        Arc::clone(&parts.store),
        ingest.stop().clone(),
    );
    ingest.work(pipeline, "watch over the stream", watching);
    let task = match settings.ingest.source {
        SourceKind::Relay => {
            let intake = ingest.intake(parts, pipeline);
            let intake = Intake::new(
                source_of(stream.urls.first()),
                parts.store.partitions(),
                None,
                intake,
            );
            pipeline.watch("ingest", tokio::spawn(stream.relays(intake, gap)))
        }
        SourceKind::Jetstream => {
            let gaps = Gaps::new(settings.ingest.backfill, Arc::clone(&parts.counters), gap);
            let gaps = Arc::new(gaps);
            let filling = Arc::clone(&gaps).run(
                ingest.backfill(parts, pipeline, outside),
                settings.ingest.relay.first().http(),
                ingest.stop().clone(),
            );
            ingest.work(pipeline, "backfill of gaps", filling);
            let events = events(settings, parts, pipeline, outside, &stream);
            let returns = repairs.then(|| ingest.returns(parts));
            let events = EventsParts { returns, ..events };
            pipeline.watch("ingest", tokio::spawn(stream.jetstreams(events, gaps)))
        }
    };
    Ok(Following {
        task,
        ingest,
        upstream,
    })
}

/// What a Jetstream's events are handed to.
fn events(
    settings: &Settings,
    parts: &Parts,
    pipeline: &Pipeline,
    outside: &Outside,
    stream: &Stream,
) -> EventsParts {
    let prover = Prover {
        client: outside.client.clone(),
        identities: Arc::clone(&outside.identities),
        percent: settings.ingest.jetstream_verify.percent(),
    };
    EventsParts {
        queue: Arc::clone(&pipeline.queue),
        partitions: parts.store.partitions(),
        counters: Arc::clone(&parts.counters),
        clock: parts.clock.clone(),
        identities: Some(Arc::clone(&outside.identities)),
        pulse: Arc::clone(&stream.pulse),
        prover: (prover.percent > 0).then_some(prover),
        returns: None,
    }
}

/// What a cursor belongs to: the address, without a password, for it is stored, logged and shown.
fn source_of(url: &RelayUrl) -> Source {
    Source(url.to_string().into())
}

impl Stream {
    /// The address of a round, with its source, which is shown from now on.
    fn turn(&self, url: &RelayUrl) -> Source {
        let source = source_of(url);
        self.current.send_replace(source.clone());
        source
    }

    /// After how many tries a source is given up: a single one never is.
    fn tries_max(&self) -> Option<u32> {
        (self.urls.iter().count() > 1).then_some(limits::SOURCE_TRIES_MAX)
    }

    /// Follows one relay after another until told to stop.
    async fn relays(self, mut intake: Intake, gap: Arc<Notify>) -> Result<(), IngestError> {
        let store = &self.parts.store;
        let counters: &Counters = &self.parts.counters;
        let mut is_first = true;
        let urls: Vec<&RelayUrl> = self.urls.iter().collect();
        for url in urls.into_iter().cycle() {
            let source = self.turn(url);
            let saved = store.saved_cursor(&source).await?;
            let cursor = saved.or(self.start.cursor());
            let options = RelayOptions {
                gap: Arc::clone(&gap),
                pulse: Arc::clone(&self.pulse),
                tries_max: self.tries_max(),
                is_substitute: !is_first && cursor.is_none(),
                ..RelayOptions::new(url.as_str(), &source.0)
            };
            is_first = false;
            intake = intake.switch(source, store.partitions(), cursor);
            intake = run_relay(options, intake, counters, self.stop.clone()).await?;
            if self.stop.is_cancelled() {
                break;
            }
        }
        Ok(())
    }

    /// Follows one Jetstream after another until told to stop.
    async fn jetstreams(self, parts: EventsParts, gaps: Arc<Gaps>) -> Result<(), IngestError> {
        let (_wanting, wanted) = watch::channel(self.parts.scope.patterns());
        if wanted.borrow().is_empty() {
            tracing::warn!("app.nothing_wanted: no plugin wants a collection; nothing is followed");
        }
        let mut read_to_us: Option<i64> = None;
        let urls: Vec<&RelayUrl> = self.urls.iter().collect();
        for url in urls.into_iter().cycle() {
            let source = self.turn(url);
            let saved = self.parts.store.saved_cursor(&source).await?;
            // Their times are wall-clock times: what one told, the next need not tell again.
            let told_us = read_to_us.map(|us| us - limits::JETSTREAM_SUBSTITUTE_REWIND_US);
            let cursor = saved.max(told_us).or(self.start.cursor());
            let options = JetstreamOptions {
                url: url.as_str().to_owned(),
                shown: source.0.to_string(),
                deadlines: Deadlines::default(),
                compression: Compression::Off,
                on_gap: {
                    let gaps = Arc::clone(&gaps);
                    Arc::new(move |gap| gaps.tell(gap))
                },
                tries_max: self.tries_max(),
            };
            let events = Events::new(source, parts.clone(), cursor);
            let stop = self.stop.clone();
            let events = run_jetstream(options, events, wanted.clone(), stop).await?;
            if self.stop.is_cancelled() {
                break;
            }
            read_to_us = read_to_us.max(events.handed_us());
        }
        Ok(())
    }
}
