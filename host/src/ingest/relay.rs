//! A relay's live stream (`com.atproto.sync.subscribeRepos`) over WebSocket.
//!
//! Guarantees: one connection at a time; a connection that is silent past its deadline, closed, or broken is
//! replaced after a capped, jittered wait, at the last seq that was handed on; a message that does not decode is asked
//! for again on a new connection, and passed, counted, when that meets it again, and so is one over the frame limit,
//! which is never held in memory; a gap in the stream is told. Ends when told to, or when the queue is closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::IngestError;
use super::accept::{Accepted, Intake};
use super::backoff::Backoff;
use super::pulse::Pulse;
use super::socket::{self, Deadlines, End, Heard, Silence, Socket};
use super::tries::Tries;
use crate::clock::Clock;
use crate::limits;
use crate::telemetry::{Counter, Counters};

/// How to follow a relay.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// `wss://host` or `ws://host:port`, without path. May hold a password.
    pub url: String,
    /// The address as the log shows it.
    pub shown: String,
    /// Silence before a ping is sent.
    pub ping_after: Duration,
    /// Silence before a connection counts as dead.
    pub read_deadline: Duration,
    /// Told when events of the whole stream may be missing.
    pub gap: Arc<Notify>,
    /// What the stream did lately is noted there.
    pub pulse: Arc<Pulse>,
    /// Tries in a row without an event after which it is given up; none: never.
    pub tries_max: Option<u32>,
    /// Whether what follows the first event is all that can be had although something came before: another source
    /// was followed until now, and this one has no cursor. Then a gap is told with the first event.
    pub is_substitute: bool,
}

impl RelayOptions {
    /// The limits' deadlines.
    #[must_use]
    pub fn new(url: &str, shown: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            shown: shown.to_owned(),
            ping_after: Duration::from_millis(limits::PING_AFTER_MS),
            read_deadline: Duration::from_millis(limits::READ_DEADLINE_MS),
            gap: Arc::new(Notify::new()),
            pulse: Arc::new(Pulse::new(Clock::system())),
            tries_max: None,
            is_substitute: false,
        }
    }

    fn subscribe_url(&self, cursor: Option<i64>) -> String {
        let cursor = cursor.map_or_else(String::new, |c| format!("?cursor={c}"));
        format!("{}/xrpc/com.atproto.sync.subscribeRepos{cursor}", self.url)
    }

    fn deadlines(&self) -> Deadlines {
        Deadlines {
            ping_after: self.ping_after,
            read: self.read_deadline,
        }
    }
}

/// Follows a relay until `stop`, or until it is given up; then appends the last marks.
///
/// # Errors
/// When the address is not one, or the queue is closed.
pub async fn run_relay(
    options: RelayOptions,
    mut intake: Intake,
    counters: &Counters,
    stop: CancellationToken,
) -> Result<Intake, IngestError> {
    let mut backoff = Backoff::new();
    let mut tries = Tries::new(options.tries_max);
    // Messages over the limit met in a row without progress. The first may have been an accident of that connection;
    // when a reconnect meets it again, each further try passes one more seq.
    let mut oversized: i64 = 0;
    let mut refused = Refused::default();
    while !stop.is_cancelled() {
        let (before, begun) = (intake.last_seq(), Instant::now());
        let cursor = before.map(|seq| seq + (oversized - 1).max(0));
        let url = options.subscribe_url(cursor);
        let end = match socket::connect(url, &options.shown, options.deadlines(), &stop).await? {
            Ok(socket) => {
                counters.set(Counter::Connected, 1);
                options.pulse.connected(true);
                tracing::info!(
                    url = options.shown,
                    cursor,
                    "ingest.connected: following the relay"
                );
                let end =
                    follow(socket, &options, &mut intake, counters, &mut refused, &stop).await;
                counters.set(Counter::Connected, 0);
                options.pulse.connected(false);
                end?
            }
            Err(end) => end,
        };
        let progress = intake.last_seq() != before;
        if progress {
            backoff.reset();
            oversized = 0;
        }
        match end {
            End::Stopped => break,
            End::Lost(reason) => {
                tracing::warn!(
                    url = options.shown,
                    reason,
                    "ingest.lost: the connection ended"
                );
            }
            End::TooLarge => {
                counters.reject("frame-too-large");
                oversized += 1;
                tracing::error!(
                    after_seq = intake.last_seq(),
                    oversized,
                    "ingest.frame_too_large: a message is over the limit; met again, its seq is passed"
                );
            }
        }
        counters.add(Counter::Reconnects, 1);
        if tries.ended(progress, begun.elapsed(), options.deadlines()) {
            tracing::error!(
                url = options.shown,
                "ingest.given_up: the relay does not serve; the next one is tried"
            );
            break;
        }
        let wait = backoff.next_wait();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    intake.finish().await?;
    Ok(intake)
}

/// The place where a message did not decode: what comes after this seq was asked for again.
#[derive(Default)]
struct Refused {
    after: Option<Option<i64>>,
}

impl Refused {
    /// Whether the same place was refused on the connection before.
    fn again(&mut self, after: Option<i64>) -> bool {
        self.after.replace(after) == Some(after)
    }
}

async fn follow(
    mut socket: Socket,
    options: &RelayOptions,
    intake: &mut Intake,
    counters: &Counters,
    refused: &mut Refused,
    stop: &CancellationToken,
) -> Result<End, IngestError> {
    let mut silence = Silence::new();
    let mut count: u64 = 0;
    loop {
        let message = match socket::next(&mut socket, stop.cancelled()).await {
            Heard::Message(message) => message,
            Heard::Nothing => {
                // A quiet upstream must not hold back the saved cursor.
                intake.flush().await?;
                if let Some(end) = silence.answer(&mut socket, options.deadlines()).await {
                    return Ok(end);
                }
                continue;
            }
            Heard::End(end) => return Ok(end),
        };
        silence = Silence::new();
        options.pulse.heard();
        let before = intake.last_seq();
        match message {
            Message::Binary(bytes) => {
                count += 1;
                let accepted = intake.accept(bytes.clone(), count).await?;
                if intake.last_seq() != before {
                    options.pulse.event(intake.last_time_us());
                }
                match accepted {
                    Accepted::Next if options.is_substitute && before.is_none() => {
                        counters.add(Counter::StreamGaps, 1);
                        options.gap.notify_one();
                    }
                    Accepted::Next => {}
                    Accepted::Gap => {
                        counters.add(Counter::StreamGaps, 1);
                        options.gap.notify_one();
                    }
                    Accepted::Refused if refused.again(intake.last_seq()) => {
                        intake.pass(&bytes, count).await?;
                    }
                    Accepted::Refused => {
                        return Ok(End::Lost("a message does not decode: asking again".into()));
                    }
                    Accepted::UpstreamError { name } => {
                        return Ok(End::Lost(format!("the upstream said {name}")));
                    }
                }
            }
            Message::Text(_) => {
                return Ok(End::Lost("expected binary messages, got text".into()));
            }
            Message::Close(_) => return Ok(End::Lost("closed by the upstream".into())),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}
