//! A WebSocket and an HTTP client that know as little as possible.

use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use aviary_simnet::Network;

/// What came over the stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Got {
    /// A numbered event: type, seq and the whole message.
    Event(String, u64, Vec<u8>),
    /// `#info`: name and the message's length.
    Info(String, usize),
    /// An error frame's name.
    Error(String),
    /// A message of another type.
    Other(String),
    /// Binary that is no frame.
    Garbage,
    Text,
    Close,
    /// The end without a close message.
    Cut,
    /// Nothing in a second and a half.
    Quiet,
}

#[derive(Deserialize)]
struct Header {
    op: i64,
    t: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    seq: Option<u64>,
    name: Option<String>,
    error: Option<String>,
}

pub(super) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub(super) async fn connect(network: &Network, cursor: Option<u64>) -> Client {
        let query = cursor
            .map(|cursor| format!("?cursor={cursor}"))
            .unwrap_or_default();
        let url = network.urls().subscribe() + &query;
        let before = network.accepted();
        let (socket, _) = connect_async(url).await.unwrap();
        wait_for(|| network.accepted() > before).await;
        Client { socket }
    }

    pub(super) async fn next(&mut self) -> Got {
        let next = tokio::time::timeout(Duration::from_millis(3_000), self.socket.next());
        match next.await {
            Err(_) => Got::Quiet,
            Ok(None | Some(Err(Error::ConnectionClosed))) => Got::Cut,
            Ok(Some(Err(Error::Protocol(_) | Error::Io(_)))) => Got::Cut,
            Ok(Some(Err(error))) => panic!("{error}"),
            Ok(Some(Ok(Message::Binary(bytes)))) => read(&bytes),
            Ok(Some(Ok(Message::Text(_)))) => Got::Text,
            Ok(Some(Ok(Message::Close(_)))) => Got::Close,
            Ok(Some(Ok(other))) => panic!("{other:?}"),
        }
    }

    /// The next `n` things.
    pub(super) async fn take(&mut self, n: usize) -> Vec<Got> {
        let mut got = Vec::with_capacity(n);
        while got.len() < n {
            got.push(self.next().await);
        }
        got
    }

    /// The seqs of the next `n` things, which must be events.
    pub(super) async fn seqs(&mut self, n: usize) -> Vec<u64> {
        let got = self.take(n).await;
        got.into_iter()
            .map(|got| match got {
                Got::Event(_, seq, _) => seq,
                other => panic!("expected an event, got {other:?}"),
            })
            .collect()
    }
}

fn read(bytes: &[u8]) -> Got {
    let mut rest = bytes;
    let Ok(header) = serde_ipld_dagcbor::de::from_reader_once::<Header, _>(&mut rest) else {
        return Got::Garbage;
    };
    let Payload { seq, name, error } = serde_ipld_dagcbor::from_slice(rest).unwrap();
    match (header.op, header.t, seq) {
        (-1, None, None) => Got::Error(error.unwrap()),
        (1, Some(kind), Some(seq)) => Got::Event(kind, seq, bytes.to_vec()),
        (1, Some(kind), None) if kind == "#info" => Got::Info(name.unwrap(), bytes.len()),
        (1, Some(kind), None) => Got::Other(kind),
        other => panic!("a frame with the header {other:?}"),
    }
}

/// Waits for a condition, loudly in vain after ten seconds.
pub(super) async fn wait_for(mut condition: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited for ten seconds in vain");
}

/// `GET` of `path` at `base` (`http://ADDRESS`): status, content type and body.
pub(super) async fn get(base: &str, path: &str) -> (u16, String, Vec<u8>) {
    let address = base.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec())
        .unwrap()
        .to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "))
        .unwrap_or("")
        .to_owned();
    (status, kind, answer[end + 4..].to_vec())
}

/// As [`get`], for JSON.
pub(super) async fn get_json(base: &str, path: &str) -> (u16, Value) {
    let (status, _, body) = get(base, path).await;
    (status, serde_json::from_slice(&body).unwrap())
}
