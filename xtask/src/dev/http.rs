//! The smallest HTTP client that can ask a host on loopback.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Status and JSON body of a GET at `base` (`http://ADDRESS`).
///
/// # Errors
/// When there is no answer, or it is not JSON.
pub(super) async fn get(base: &str, path: &str) -> anyhow::Result<(u16, Value)> {
    let answer = tokio::time::timeout(ANSWER_MAX, exchange(base, path)).await;
    let text = answer.with_context(|| format!("no answer from {base}{path}"))??;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .context("an answer without a head")?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    let body = serde_json::from_str(body)
        .with_context(|| format!("{base}{path} did not answer with JSON"))?;
    Ok((status.context("an answer without a status")?, body))
}

async fn exchange(base: &str, path: &str) -> anyhow::Result<String> {
    let address = base
        .strip_prefix("http://")
        .context("expected http://ADDRESS")?;
    let mut socket = TcpStream::connect(address).await?;
    // HTTP/1.0: the body ends with the connection and comes unchunked.
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    socket.read_to_string(&mut text).await?;
    Ok(text)
}
