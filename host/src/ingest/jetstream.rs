//! A Jetstream (version 1, `/subscribe`): records as JSON, filtered by the upstream, without any proof.
//!
//! Guarantees: one connection at a time, with the deadlines of every stream; a reconnect asks for some seconds before
//! the last event again, and what comes twice the archive drops record by record; a record is handed on as canonical
//! DAG-CBOR that hashes to the CID it came with, as [`crate::entry::Trust::UnverifiedStream`]; what cannot be used
//! marks its repository or becomes a dead letter. Where the stream has a hole that nobody upstream speaks of (a
//! collection that was wanted late, a cursor that was too old, a message that was passed), a [`Gap`] is told.
//!
//! With a [`Prover`], a share of the operations is held against the accounts' own hosts first.
//!
//! Does not fetch repositories or fill gaps. Operations of one commit come one by one.

mod checks;
mod events;
mod gap;
mod message;
mod op;
mod proof;
mod proving;
mod returns;
mod unpack;
mod wanted;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

pub use events::{Events, EventsParts};
pub use gap::{Gap, GapReason};
pub use proof::Prover;
pub use returns::Returns;
pub use unpack::Compression;

use super::IngestError;
use super::backoff::Backoff;
use super::socket::{self, Deadlines, End, Heard, Silence, Socket};
use super::tries::Tries;
use crate::limits;
use crate::telemetry::Counter;
use gap::Lookout;
use unpack::Unpacker;
use wanted::Wanted;

/// How to follow a Jetstream.
#[derive(Clone)]
pub struct JetstreamOptions {
    /// `wss://host` or `ws://host:port`, without path. May hold a password.
    pub url: String,
    /// The address as the log shows it.
    pub shown: String,
    /// How long it may be silent.
    pub deadlines: Deadlines,
    /// Whether it is to compress. The public ones compress with a dictionary only.
    pub compression: Compression,
    /// Told of each gap.
    pub on_gap: Arc<dyn Fn(Gap) + Send + Sync>,
    /// Tries in a row without an event after which it is given up; none: never.
    pub tries_max: Option<u32>,
}

/// Follows a Jetstream until `stop`, or until it is given up; then appends the last marks. `wanted` are collections:
/// NSIDs, or prefixes and `.*`, or `*` for all. While it is empty nothing is connected, for an empty filter would mean everything.
///
/// # Errors
/// When the address is not one, the dictionary is not one, or the queue is closed.
pub async fn run_jetstream(
    options: JetstreamOptions,
    mut events: Events,
    mut wanted: watch::Receiver<Vec<String>>,
    stop: CancellationToken,
) -> Result<Events, IngestError> {
    let mut backoff = Backoff::new();
    let mut tries = Tries::new(options.tries_max);
    let mut lookout = Lookout::default();
    let mut oversized = 0;
    while let Some(patterns) = some_wanted(&mut wanted, &stop).await {
        let (before, begun) = (events.last_us(), Instant::now());
        let cursor = resume(before, oversized);
        if oversized > 1 {
            told(&options, events.passed(&patterns, before, cursor));
        }
        told(&options, events.want(&patterns, cursor));
        lookout.connecting(before, cursor);
        let filter = Wanted::new(&patterns);
        let url = filter.url(&options, cursor);
        let end = match socket::connect(url, &options.shown, options.deadlines, &stop).await? {
            Ok(socket) => {
                events.connected(true);
                tracing::info!(
                    url = options.shown,
                    cursor,
                    "ingest.connected: following the Jetstream"
                );
                let connection = Connection {
                    socket,
                    options: &options,
                    events: &mut events,
                    lookout: &mut lookout,
                    unpacker: Unpacker::new(&options.compression)?,
                };
                let end = connection.follow(&filter, &mut wanted, &stop).await;
                events.connected(false);
                end?
            }
            Err(end) => end,
        };
        let progress = events.last_us() > before;
        if progress {
            backoff.reset();
            oversized = 0;
        }
        match &end {
            End::Stopped => break,
            End::Lost(_) => {}
            End::TooLarge => oversized += 1,
        }
        note_end(&options, &events, &end, oversized);
        if tries.ended(progress, begun.elapsed(), options.deadlines) {
            let url = &options.shown;
            tracing::error!(
                url,
                "ingest.given_up: the Jetstream does not serve; the next one is tried"
            );
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            () = stop.cancelled() => {}
        }
    }
    events.flush().await?;
    Ok(events)
}

/// Tells the log why a connection ended, and counts it.
fn note_end(options: &JetstreamOptions, events: &Events, end: &End, oversized: u32) {
    events.counters().add(Counter::Reconnects, 1);
    let url = &options.shown;
    match end {
        End::Stopped => {}
        End::Lost(reason) => {
            tracing::warn!(url, reason, "ingest.lost: the connection ended");
        }
        End::TooLarge => {
            events.counters().reject("frame-too-large");
            tracing::error!(
                after_us = events.last_us(),
                oversized,
                "ingest.frame_too_large: a message is over the limit; met again, its time is passed"
            );
        }
    }
}

/// The wanted collections, once there are any; none when told to stop.
async fn some_wanted(
    wanted: &mut watch::Receiver<Vec<String>>,
    stop: &CancellationToken,
) -> Option<Vec<String>> {
    let patterns = tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        patterns = wanted.wait_for(|patterns| !patterns.is_empty()) => {
            patterns.ok().map(|patterns| patterns.clone())
        }
    };
    if patterns.is_none() {
        // Nobody will want anything any more.
        stop.cancelled().await;
    }
    patterns
}

/// Where to go on (us since 1970). A message over the limit that was met twice in a row is passed, by more each time.
fn resume(last_us: Option<i64>, oversized: u32) -> Option<i64> {
    let last_us = last_us?;
    match oversized.checked_sub(2) {
        None => Some((last_us - limits::JETSTREAM_REWIND_US).max(0)),
        Some(more) => {
            let step_us = limits::JETSTREAM_PASS_MIN_US << more.min(16);
            Some(last_us + step_us.min(limits::JETSTREAM_PASS_MAX_US))
        }
    }
}

fn told(options: &JetstreamOptions, gap: Option<Gap>) {
    if let Some(gap) = gap {
        tracing::warn!(?gap, "ingest.gap: events of the Jetstream are missing");
        (options.on_gap)(gap);
    }
}

/// One connection that stands.
struct Connection<'a> {
    socket: Socket,
    options: &'a JetstreamOptions,
    events: &'a mut Events,
    lookout: &'a mut Lookout,
    unpacker: Option<Unpacker>,
}

impl Connection<'_> {
    async fn follow(
        mut self,
        filter: &Wanted,
        wanted: &mut watch::Receiver<Vec<String>>,
        stop: &CancellationToken,
    ) -> Result<End, IngestError> {
        if filter.needs_hello()
            && let Err(end) = self.say(filter).await
        {
            return Ok(end);
        }
        let mut silence = Silence::new();
        loop {
            let heard = tokio::select! {
                biased;
                Ok(()) = wanted.changed() => {
                    match self.change(wanted).await {
                        Ok(()) => continue,
                        Err(end) => return Ok(end),
                    }
                }
                checked = self.events.checked() => {
                    self.events.finish(checked?).await?;
                    continue;
                }
                heard = socket::next(&mut self.socket, stop.cancelled()) => heard,
            };
            let message = match heard {
                Heard::Message(message) => message,
                Heard::Nothing => {
                    // A quiet upstream must not hold back the saved cursor.
                    self.events.flush().await?;
                    let deadlines = self.options.deadlines;
                    match silence.answer(&mut self.socket, deadlines).await {
                        Some(end) => return Ok(end),
                        None => continue,
                    }
                }
                Heard::End(end) => return Ok(end),
            };
            silence = Silence::new();
            self.events.heard();
            if let Some(end) = self.take(message).await? {
                return Ok(end);
            }
        }
    }

    /// Takes one message of the upstream; says when the connection is of no more use.
    async fn take(&mut self, message: Message) -> Result<Option<End>, IngestError> {
        let time_us = match (&message, &mut self.unpacker) {
            (Message::Text(text), _) => self.events.accept(text).await?,
            (Message::Binary(packed), Some(unpacker)) => match unpacker.unpack(packed) {
                Ok(text) => self.events.accept(text).await?,
                Err(reason) => {
                    self.events.counters().reject("jetstream-packed");
                    tracing::warn!(
                        reason,
                        "ingest.message_refused: a message cannot be unpacked"
                    );
                    None
                }
            },
            (Message::Binary(_), None) => {
                let reason = "expected text, got a binary message: it compresses unasked";
                return Ok(Some(End::Lost(reason.into())));
            }
            (Message::Close(_), _) => {
                return Ok(Some(End::Lost("closed by the upstream".into())));
            }
            _ => None,
        };
        if let Some(time_us) = time_us {
            let missing = self.lookout.see(time_us, self.events.now_us());
            told(
                self.options,
                missing.map(|times| self.events.outdated(times)),
            );
        }
        Ok(None)
    }

    /// Asks for other collections on the connection that stands.
    async fn change(&mut self, wanted: &mut watch::Receiver<Vec<String>>) -> Result<(), End> {
        let patterns = wanted.borrow_and_update().clone();
        if patterns.is_empty() {
            return Err(End::Lost("no collection is wanted any more".into()));
        }
        self.say(&Wanted::new(&patterns)).await?;
        // The upstream sends the new collections from some moment after this one.
        let from_us = self.events.now_us() + limits::JETSTREAM_REWIND_US;
        told(self.options, self.events.want(&patterns, Some(from_us)));
        Ok(())
    }

    async fn say(&mut self, filter: &Wanted) -> Result<(), End> {
        let message = Message::Text(filter.message().into());
        let most: Duration = self.options.deadlines.read;
        match tokio::time::timeout(most, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Lost("cannot send the wanted collections".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reconnect_goes_back_and_passes_what_is_too_large_twice() {
        let last = 1_800_000_000_000_000;
        assert_eq!(resume(None, 5), None);
        for oversized in [0, 1] {
            let cursor = resume(Some(last), oversized);
            assert_eq!(cursor, Some(last - limits::JETSTREAM_REWIND_US));
        }
        let passed: Vec<i64> = (2..40)
            .map(|oversized| resume(Some(last), oversized).unwrap() - last)
            .collect();
        assert!(passed.is_sorted() && passed[0] == limits::JETSTREAM_PASS_MIN_US);
        assert_eq!(passed.last(), Some(&limits::JETSTREAM_PASS_MAX_US));
        assert_eq!(resume(Some(5), 0), Some(0));
    }
}
