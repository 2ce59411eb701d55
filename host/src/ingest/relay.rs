//! A relay's live stream (`com.atproto.sync.subscribeRepos`) over WebSocket.
//!
//! Guarantees: one connection at a time; a connection that is silent past its deadline, closed, or broken is
//! replaced after a capped, jittered wait, at the last seq that was handed on; a message over the frame limit is
//! never held in memory, and is passed, counted, when a reconnect meets it again. Ends when told to, or when the
//! queue is closed.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;

use super::IngestError;
use super::accept::{Accepted, Intake};
use super::backoff::Backoff;
use crate::limits;
use crate::telemetry::{Counter, Counters};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

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
        }
    }

    fn subscribe_url(&self, cursor: Option<i64>) -> String {
        let cursor = cursor.map_or_else(String::new, |c| format!("?cursor={c}"));
        format!("{}/xrpc/com.atproto.sync.subscribeRepos{cursor}", self.url)
    }
}

/// Why a connection ended.
enum End {
    /// We were told to stop.
    Stopped,
    /// The peer closed, broke, or was silent for too long.
    Lost(String),
    /// A message over [`limits::FRAME_BYTES_MAX`].
    TooLarge,
}

/// Follows a relay until `stop`, then appends the last marks.
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
    // Messages over the limit met in a row without progress. The first may have been an accident of that connection;
    // when a reconnect meets it again, each further try passes one more seq.
    let mut oversized: i64 = 0;
    while !stop.is_cancelled() {
        let before = intake.last_seq();
        let cursor = before.map(|seq| seq + (oversized - 1).max(0));
        let end = match connect(&options, cursor, &stop).await? {
            Ok(socket) => {
                counters.set(Counter::Connected, 1);
                tracing::info!(
                    url = options.shown,
                    cursor,
                    "ingest.connected: following the relay"
                );
                let end = follow(socket, &options, &mut intake, &stop).await?;
                counters.set(Counter::Connected, 0);
                end
            }
            Err(end) => end,
        };
        if intake.last_seq() != before {
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
        let wait = backoff.next_wait();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    intake.flush().await?;
    Ok(intake)
}

/// The outer error is final, the inner one is a try that failed.
async fn connect(
    options: &RelayOptions,
    cursor: Option<i64>,
    stop: &CancellationToken,
) -> Result<Result<Socket, End>, IngestError> {
    // Both are set: the library's defaults are 64 and 16 MiB.
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::FRAME_BYTES_MAX))
        .max_frame_size(Some(limits::FRAME_BYTES_MAX));
    let attempt = connect_async_with_config(options.subscribe_url(cursor), Some(config), true);
    let connected = tokio::select! {
        () = stop.cancelled() => return Ok(Err(End::Stopped)),
        c = tokio::time::timeout(options.read_deadline, attempt) => c,
    };
    match connected {
        Ok(Ok((socket, _))) => Ok(Ok(socket)),
        Ok(Err(WsError::Url(e))) => Err(IngestError::Address {
            got: options.shown.clone(),
            reason: e.to_string(),
        }),
        Ok(Err(e)) => Ok(Err(End::Lost(e.to_string()))),
        Err(_) => Ok(Err(End::Lost("no answer to the connect".into()))),
    }
}

async fn follow(
    mut socket: Socket,
    options: &RelayOptions,
    intake: &mut Intake,
    stop: &CancellationToken,
) -> Result<End, IngestError> {
    let mut silence = Silence::new();
    let mut count: u64 = 0;
    loop {
        let message = match next(&mut socket, stop.cancelled()).await {
            Heard::Message(message) => message,
            Heard::Nothing => {
                // A quiet upstream must not hold back the saved cursor.
                intake.flush().await?;
                if let Some(end) = silence.answer(&mut socket, options).await {
                    return Ok(end);
                }
                continue;
            }
            Heard::End(end) => return Ok(end),
        };
        silence = Silence::new();
        match message {
            Message::Binary(bytes) => {
                count += 1;
                if let Accepted::UpstreamError { name } = intake.accept(&bytes, count).await? {
                    return Ok(End::Lost(format!("the upstream said {name}")));
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

/// How long nothing was heard, and whether we have asked.
struct Silence {
    since: Instant,
    pinged: Instant,
}

impl Silence {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            since: now,
            pinged: now,
        }
    }

    /// Sends a ping when it is time, gives the connection up at the deadline.
    async fn answer(&mut self, socket: &mut Socket, options: &RelayOptions) -> Option<End> {
        if self.since.elapsed() >= options.read_deadline {
            let silence_ms = self.since.elapsed().as_millis();
            return Some(End::Lost(format!("silent for {silence_ms} ms")));
        }
        if self.pinged.elapsed() < options.ping_after {
            return None;
        }
        self.pinged = Instant::now();
        match tokio::time::timeout(
            options.ping_after,
            socket.send(Message::Ping(Vec::new().into())),
        )
        .await
        {
            Ok(Ok(())) => None,
            _ => Some(End::Lost("cannot send a ping".into())),
        }
    }
}

enum Heard {
    Message(Message),
    /// Nothing for a mark's interval.
    Nothing,
    End(End),
}

async fn next(socket: &mut Socket, stop: impl Future<Output = ()>) -> Heard {
    let wait = Duration::from_millis(limits::MARK_INTERVAL_MS);
    tokio::select! {
        biased;
        () = stop => Heard::End(End::Stopped),
        message = timeout(wait, socket.next()) => match message {
            Err(_) => Heard::Nothing,
            Ok(None) => Heard::End(End::Lost("the connection ended".into())),
            Ok(Some(Ok(message))) => Heard::Message(message),
            Ok(Some(Err(WsError::Capacity(_)))) => Heard::End(End::TooLarge),
            Ok(Some(Err(e))) => Heard::End(End::Lost(e.to_string())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_upstream_without_tls_is_a_lost_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://localhost:{}", listener.local_addr().unwrap().port());
        let hang_up = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
        let options = RelayOptions::new(&url, &url);
        let tried = connect(&options, None, &CancellationToken::new())
            .await
            .unwrap();
        assert!(matches!(tried, Err(End::Lost(_))));
        hang_up.await.unwrap();
    }
}
