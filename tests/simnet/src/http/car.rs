//! A CAR as an answer: sound, or as the listener is told to spoil it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use shrike::car::read_slice;
use shrike::cbor::{Cid, Codec};

use super::XrpcError;
use crate::car::Car;
use crate::host::{Answer, Running};

/// Bytes of a chunk of a body.
const CHUNK_BYTES: usize = 64 << 10;
/// Bytes of a block that nothing links to.
const LOOSE_BLOCK_BYTES: usize = 32 << 10;
/// Chunks a second of a body that trickles.
const TRICKLE_CHUNKS: u64 = 10;

/// An answer that is no CAR; none when there is to be one.
pub(super) async fn refusal(answer: Answer, elsewhere: impl Fn() -> String) -> Option<Response> {
    let error = |status, error, message: &str| XrpcError {
        status,
        error,
        message: message.to_owned(),
    };
    match answer {
        Answer::Refused => {
            let message = "this host keeps no repositories";
            Some(error(StatusCode::NOT_FOUND, "RepoNotFound", message).into_response())
        }
        Answer::TooMany { retry_after_s } => {
            let body = error(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded", "slower");
            let after = [(header::RETRY_AFTER, retry_after_s.to_string())];
            Some((after, body).into_response())
        }
        Answer::Down => {
            let message = "this host is down";
            Some(error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", message).into_response())
        }
        Answer::Elsewhere => {
            let location = [(header::LOCATION, elsewhere())];
            Some((StatusCode::FOUND, location).into_response())
        }
        Answer::Late { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            None
        }
        _ => None,
    }
}

/// The body of a CAR. `running` ends with it.
pub(super) fn body(car: Vec<u8>, answer: Answer, running: Running) -> Result<Response, XrpcError> {
    let car = match answer {
        Answer::Cut => half(&car)?,
        Answer::Flipped => flipped(car),
        _ => car,
    };
    let sent = Sending {
        rest: car.into(),
        answer,
        sequel: 0,
        _running: running,
    };
    let chunks = stream::unfold(sent, |mut sent| async move {
        let chunk = sent.next().await?;
        Some((Ok::<_, std::io::Error>(chunk), sent))
    });
    let kind = [(header::CONTENT_TYPE, "application/vnd.ipld.car")];
    Ok((kind, Body::from_stream(chunks)).into_response())
}

struct Sending {
    rest: Bytes,
    answer: Answer,
    sequel: u64,
    _running: Running,
}

impl Sending {
    async fn next(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            if self.answer != Answer::Endless {
                return None;
            }
            self.sequel += 1;
            self.rest = loose_block(self.sequel);
        }
        let most = match self.answer {
            Answer::Trickle { bytes_per_s } => {
                tokio::time::sleep(Duration::from_millis(1_000 / TRICKLE_CHUNKS)).await;
                (bytes_per_s / TRICKLE_CHUNKS).max(1) as usize
            }
            _ => CHUNK_BYTES,
        };
        Some(self.rest.split_to(most.min(self.rest.len())))
    }
}

/// The first half of a CAR's blocks.
fn half(car: &[u8]) -> Result<Vec<u8>, XrpcError> {
    let (roots, blocks) = read_slice(car).map_err(crate::Error::from)?;
    let mut half: Option<Car> = None;
    for block in &blocks[..blocks.len().div_ceil(2)] {
        match &mut half {
            None => half = Some(Car::new(roots[0], block.data)?),
            Some(half) => half.add(block.cid, block.data)?,
        }
    }
    Ok(half.map(Car::finish).unwrap_or_default())
}

fn flipped(mut car: Vec<u8>) -> Vec<u8> {
    if let Some(last) = car.last_mut() {
        *last ^= 0x01;
    }
    car
}

/// A block with its length and its true CID, as in a CAR.
fn loose_block(number: u64) -> Bytes {
    let mut data = number.to_be_bytes().to_vec();
    data.resize(LOOSE_BLOCK_BYTES, 0);
    let cid = Cid::compute(Codec::Raw, &data).to_bytes();
    let mut block = Vec::with_capacity(LOOSE_BLOCK_BYTES + 40);
    let mut length = cid.len() + data.len();
    while length >= 0x80 {
        block.push(length as u8 | 0x80);
        length >>= 7;
    }
    block.push(length as u8);
    block.extend_from_slice(&cid);
    block.extend_from_slice(&data);
    block.into()
}
