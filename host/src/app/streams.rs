//! Which source is followed, where it is begun, and which one is next when it does not serve.
//!
//! Guarantees: each source has its own cursor; what was read of one is in the queue before the next is asked. The way
//! back is the same as the way there: the list is gone through in a circle.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::gaps::Gaps;
use super::parts::Parts;
use crate::config::{RelayUrl, Settings, SourceKind, StartAt, StreamUrls};
use crate::entry::Source;
use crate::ingest::{
    Compression, Deadlines, Events, EventsParts, IngestError, Intake, IntakeParts,
    JetstreamOptions, Pulse, RelayOptions, run_jetstream, run_relay,
};
use crate::limits;
use crate::telemetry::Counters;

/// The addresses of the settings' kind of source.
pub(super) fn urls(settings: &Settings) -> &StreamUrls {
    match settings.ingest.source {
        SourceKind::Relay => &settings.ingest.relay,
        SourceKind::Jetstream => &settings.ingest.jetstream,
    }
}

/// What every source needs.
pub(super) struct Stream {
    pub(super) urls: StreamUrls,
    pub(super) start: StartAt,
    pub(super) parts: Arc<Parts>,
    /// Told which source is followed.
    pub(super) current: watch::Sender<Source>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) stop: CancellationToken,
}

/// What a cursor belongs to: the address, without a password, for it is stored, logged and shown.
pub(super) fn source_of(url: &RelayUrl) -> Source {
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
    pub(super) async fn relays(
        self,
        intake: IntakeParts,
        gap: Arc<Notify>,
    ) -> Result<(), IngestError> {
        let store = &self.parts.store;
        let first = source_of(self.urls.first());
        let mut intake = Intake::new(first, store.partitions(), None, intake);
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
    pub(super) async fn jetstreams(
        self,
        parts: EventsParts,
        gaps: Arc<Gaps>,
    ) -> Result<(), IngestError> {
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
