//! One WebSocket connection to an upstream: connected in time, read with a deadline, pinged in silence.
//!
//! Guarantees: a message over the limit is never held in memory; every wait ends by a message, a deadline or the
//! stop. Does not reconnect and does not look into messages.

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
use crate::limits;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// We were told to stop.
    Stopped,
    /// The peer closed, broke, or was silent for too long.
    Lost(String),
    /// A message over [`limits::FRAME_BYTES_MAX`].
    TooLarge,
}

/// What a wait for a message ended with.
pub(super) enum Heard {
    Message(Message),
    /// Nothing for a mark's interval.
    Nothing,
    End(End),
}

/// How long an upstream may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Silence before a ping is sent.
    pub ping_after: Duration,
    /// Silence before a connection counts as dead; a connect takes no longer either.
    pub read: Duration,
}

impl Default for Deadlines {
    /// The limits' deadlines.
    fn default() -> Self {
        Self {
            ping_after: Duration::from_millis(limits::PING_AFTER_MS),
            read: Duration::from_millis(limits::READ_DEADLINE_MS),
        }
    }
}

/// Connects to `url`, which may hold a password; `shown` is what errors name. The outer error is final, the inner
/// one is a try that failed.
pub(super) async fn connect(
    url: String,
    shown: &str,
    deadlines: Deadlines,
    stop: &CancellationToken,
) -> Result<Result<Socket, End>, IngestError> {
    // Both are set: the library's defaults are 64 and 16 MiB.
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::FRAME_BYTES_MAX))
        .max_frame_size(Some(limits::FRAME_BYTES_MAX));
    let attempt = connect_async_with_config(url, Some(config), true);
    let connected = tokio::select! {
        () = stop.cancelled() => return Ok(Err(End::Stopped)),
        c = timeout(deadlines.read, attempt) => c,
    };
    match connected {
        Ok(Ok((socket, _))) => Ok(Ok(socket)),
        Ok(Err(WsError::Url(e))) => Err(IngestError::Address {
            got: shown.to_owned(),
            reason: e.to_string(),
        }),
        Ok(Err(e)) => Ok(Err(End::Lost(e.to_string()))),
        Err(_) => Ok(Err(End::Lost("no answer to the connect".into()))),
    }
}

/// The next message, or that there was none for a mark's interval.
pub(super) async fn next(socket: &mut Socket, stop: impl Future<Output = ()>) -> Heard {
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

/// How long nothing was heard, and whether we have asked.
pub(super) struct Silence {
    since: Instant,
    pinged: Instant,
}

impl Silence {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            since: now,
            pinged: now,
        }
    }

    /// Sends a ping when it is time, gives the connection up at the deadline.
    pub(super) async fn answer(
        &mut self,
        socket: &mut Socket,
        deadlines: Deadlines,
    ) -> Option<End> {
        if self.since.elapsed() >= deadlines.read {
            let silence_ms = self.since.elapsed().as_millis();
            return Some(End::Lost(format!("silent for {silence_ms} ms")));
        }
        if self.pinged.elapsed() < deadlines.ping_after {
            return None;
        }
        self.pinged = Instant::now();
        let ping = Message::Ping(Vec::new().into());
        match timeout(deadlines.ping_after, socket.send(ping)).await {
            Ok(Ok(())) => None,
            _ => Some(End::Lost("cannot send a ping".into())),
        }
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
        let stop = CancellationToken::new();
        let tried = connect(url, "an upstream", Deadlines::default(), &stop)
            .await
            .unwrap();
        assert!(matches!(tried, Err(End::Lost(_))));
        hang_up.await.unwrap();
    }
}
