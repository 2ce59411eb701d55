//! One question to one account's own host: at which rev is the repository? \[sync, `getLatestCommit`\]
//!
//! Guarantees: a bounded number of questions at once, each bounded in time and bytes; a rev from the future is no
//! answer, for no snapshot could reach it.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::atproto::{Did, Tid};
use crate::clock::Clock;
use crate::fault::{Class, Classify};
use crate::identity::{Identities, IdentityError};
use crate::limits;
use crate::net::{Client, GetLimits, NetError};

/// Why a host could not be asked, or said nothing of use.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuditError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("expected the account's document to name its host, got none")]
    NoHost,
    #[error("asking for the latest commit: {0}")]
    Net(#[from] NetError),
    #[error("expected the latest commit with its rev, got: {0}")]
    Shape(String),
    #[error(
        "expected a rev that is at most {ahead_s} s ahead of this host's clock, got {rev}",
        ahead_s = limits::REV_AHEAD_MS_MAX / 1_000
    )]
    FutureRev { rev: Tid },
}

impl Classify for AuditError {
    fn class(&self) -> Class {
        match self {
            Self::Identity(e) => e.class(),
            Self::Net(e) => e.class(),
            Self::NoHost | Self::Shape(_) | Self::FutureRev { .. } => Class::Reject,
        }
    }
}

#[derive(Deserialize)]
struct Latest {
    rev: String,
}

/// Who asks.
pub(super) struct Asker {
    pub(super) identities: Arc<Identities>,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) at_once: Semaphore,
}

impl Asker {
    /// The rev that an account's own host has.
    ///
    /// # Errors
    /// When nobody tells.
    pub(super) async fn latest(&self, did: &Did) -> Result<Tid, AuditError> {
        // It is never closed.
        let _turn = self.at_once.acquire().await.ok();
        let identity = self.identities.get(did).await?;
        let host = identity.pds().ok_or(AuditError::NoHost)?;
        let url = format!("{host}/xrpc/com.atproto.sync.getLatestCommit?did={did}");
        let bounds = GetLimits {
            bytes_max: limits::STATUS_BYTES_MAX,
            total_ms: limits::STATUS_MS_MAX,
            redirects_max: 0,
        };
        let body = self.client.get(&url, bounds).await?;
        read(&body, self.clock.now_us())
    }
}

fn read(body: &[u8], now_us: i64) -> Result<Tid, AuditError> {
    let shape = |text: String| AuditError::Shape(text);
    let latest: Latest = serde_json::from_slice(body).map_err(|e| shape(e.to_string()))?;
    let rev = Tid::parse(&latest.rev).map_err(|e| shape(e.to_string()))?;
    if rev.time_us() - now_us > limits::REV_AHEAD_MS_MAX * 1_000 {
        return Err(AuditError::FutureRev { rev });
    }
    Ok(rev)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rev_is_read_and_nothing_else_passes_for_one() {
        let body = br#"{"cid":"bafyreia","rev":"3jzfcijpj2z2a","more":[1]}"#;
        let made_us = Tid::parse("3jzfcijpj2z2a").unwrap().time_us();
        let ahead_us = limits::REV_AHEAD_MS_MAX * 1_000;
        let rev = read(body, made_us - ahead_us).unwrap();
        assert_eq!(rev.as_str(), "3jzfcijpj2z2a");
        let early = read(body, made_us - ahead_us - 1);
        assert!(matches!(early, Err(AuditError::FutureRev { .. })));
        for bad in [
            &b"{}"[..],
            b"[]",
            b"<html>",
            br#"{"rev":1}"#,
            br#"{"rev":"zzzzzzzzzzzzz"}"#,
            br#"{"rev":"3jzfcijpj2z2"}"#,
        ] {
            let text = String::from_utf8_lossy(bad);
            assert!(
                matches!(read(bad, made_us), Err(AuditError::Shape(_))),
                "{text}"
            );
        }
    }
}
