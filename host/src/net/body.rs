//! Bodies with bounds: whole, or in chunks that have to keep coming.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;

use super::StreamLimits;
use super::error::NetError;
use super::fetch::Answer;
use super::places::Turn;

/// Reads a body whole.
pub(super) async fn whole(mut answer: Answer, bytes_max: usize) -> Result<Bytes, NetError> {
    let bound = bytes_max as u64;
    check(&answer.response, bound)?;
    let mut body = Vec::new();
    while let Some(chunk) = next(&mut answer.response, &answer.place).await? {
        if body.len() + chunk.len() > bytes_max {
            return Err(NetError::TooLarge { bytes_max: bound });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// A body that is read in chunks. Its drop closes the connection and gives the turn at the host back.
pub struct BodyStream {
    response: Response,
    place: String,
    bounds: StreamLimits,
    received_bytes: u64,
    /// For chunks only: a slow reader is not the server's fault.
    waited: Duration,
    _turn: Turn,
}

impl BodyStream {
    pub(super) fn new(answer: Answer, bounds: StreamLimits) -> Result<Self, NetError> {
        check(&answer.response, bounds.bytes_max)?;
        Ok(Self {
            response: answer.response,
            place: answer.place,
            bounds,
            received_bytes: 0,
            waited: Duration::ZERO,
            _turn: answer.turn,
        })
    }

    /// What the server said the body's length is (bytes).
    #[must_use]
    pub fn length_bytes(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next chunk; none at the end.
    ///
    /// # Errors
    /// When the body breaks off, is larger or slower than its bounds, or does not go on.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        let total = Duration::from_millis(self.bounds.total_ms);
        let idle = Duration::from_millis(self.bounds.idle_ms);
        let left = total.saturating_sub(self.waited);
        let begun = Instant::now();
        let next = tokio::time::timeout(idle.min(left), next(&mut self.response, &self.place));
        let chunk = next.await.unwrap_or_else(|_| {
            Err(if left < idle {
                NetError::Timeout {
                    what: "a body",
                    total_ms: self.bounds.total_ms,
                }
            } else {
                NetError::Timeout {
                    what: "a body's next chunk",
                    total_ms: self.bounds.idle_ms,
                }
            })
        })?;
        self.waited += begun.elapsed();
        let Some(chunk) = chunk else {
            return Ok(None);
        };
        self.received_bytes += chunk.len() as u64;
        if self.received_bytes > self.bounds.bytes_max {
            let bytes_max = self.bounds.bytes_max;
            return Err(NetError::TooLarge { bytes_max });
        }
        self.check_rate(idle)?;
        Ok(Some(chunk))
    }

    fn check_rate(&self, slow_start: Duration) -> Result<(), NetError> {
        let waited_ms = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
        let got = self.received_bytes.saturating_mul(1_000) / waited_ms.max(1);
        let expected = self.bounds.bytes_per_s_min;
        if self.waited > slow_start && got < expected {
            return Err(NetError::TooSlow { expected, got });
        }
        Ok(())
    }
}

async fn next(response: &mut Response, place: &str) -> Result<Option<Bytes>, NetError> {
    let chunk = response.chunk().await;
    chunk.map_err(|e| NetError::of_client(place, &e))
}

/// What the head says about the body.
fn check(response: &Response, bytes_max: u64) -> Result<(), NetError> {
    if response.content_length().is_some_and(|n| n > bytes_max) {
        return Err(NetError::TooLarge { bytes_max });
    }
    match response.headers().get(CONTENT_ENCODING) {
        Some(encoding) if encoding.as_bytes() != b"identity" => {
            let shown = String::from_utf8_lossy(encoding.as_bytes());
            Err(NetError::Encoded(shown.chars().take(40).collect()))
        }
        _ => Ok(()),
    }
}
