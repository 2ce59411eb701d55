//! A repository from a host: streamed, hashed, whole, and signed by its account.
//!
//! The upstream is asked first, so that not every reader of a relay goes to the same small host at once; then the
//! account's own host.

use std::sync::Arc;

use super::car_file::{CarFile, CarWriter};
use super::error::ResyncError;
use super::snapshot;
use crate::atproto::commit::CommitObject;
use crate::atproto::{Cid, Did, Tid};
use crate::identity::{Identities, Identity};
use crate::limits;
use crate::net::{Client, StreamLimits};

/// A whole repository.
pub(super) struct Fetched {
    pub(super) car: CarFile,
    pub(super) rev: Tid,
    pub(super) data: Cid,
}

/// Where repositories come from.
pub(super) struct Fetcher {
    pub(super) client: Client,
    pub(super) identities: Arc<Identities>,
    /// Scheme and authority of the upstream, where it has repositories.
    pub(super) upstream: Option<String>,
}

impl Fetcher {
    /// Fetches a repository that is at `known` at least.
    ///
    /// # Errors
    /// What the last host that was asked said or did.
    pub(super) async fn fetch(
        &self,
        did: &Did,
        known: Option<Tid>,
    ) -> Result<Fetched, ResyncError> {
        let mut identity = self.identities.get(did).await?;
        let home = identity.pds().map(str::to_owned);
        let mut hosts: Vec<String> = self.upstream.iter().cloned().collect();
        hosts.extend(home.filter(|h| self.upstream.as_ref() != Some(h)));
        let mut last = ResyncError::NoHost;
        for host in hosts {
            match self.fetch_from(&host, did, known, &mut identity).await {
                Ok(fetched) => return Ok(fetched),
                Err(error) => {
                    tracing::info!(%did, host, %error, "resync.host_failed: a host does not give a usable repository");
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn fetch_from(
        &self,
        host: &str,
        did: &Did,
        known: Option<Tid>,
        identity: &mut Arc<Identity>,
    ) -> Result<Fetched, ResyncError> {
        let url = format!("{host}/xrpc/com.atproto.sync.getRepo?did={did}");
        let bounds = StreamLimits {
            bytes_max: limits::REPO_BYTES_MAX,
            head_ms: limits::REPO_HEAD_MS_MAX,
            idle_ms: limits::REPO_IDLE_MS_MAX,
            bytes_per_s_min: limits::REPO_BYTES_PER_S_MIN,
            total_ms: limits::REPO_MS_MAX,
            redirects_max: limits::NET_REDIRECTS_MAX,
        };
        let mut body = self.client.open(&url, bounds).await?;
        let mut writer = CarWriter::new();
        while let Some(chunk) = body.chunk().await? {
            writer.push(&chunk)?;
        }
        let car = writer.finish()?;
        let block = car.block(&car.root)?.unwrap_or_default();
        let (rev, data) = self.check_commit(&block, did, known, identity).await?;
        let whole = tokio::task::spawn_blocking(move || {
            snapshot::check_whole(&car, data)?;
            Ok(Fetched { car, rev, data })
        });
        whole.await.map_err(|e| ResyncError::Ended(e.to_string()))?
    }

    /// Whose it is, how new, and whether the account signed it; its key is looked up anew when it does not fit.
    async fn check_commit(
        &self,
        block: &[u8],
        did: &Did,
        known: Option<Tid>,
        identity: &mut Arc<Identity>,
    ) -> Result<(Tid, Cid), ResyncError> {
        let object = CommitObject::decode(block)?;
        if object.did != *did {
            return Err(ResyncError::Foreign {
                got: object.did.to_string(),
            });
        }
        if let Some(known) = known.filter(|known| object.rev < *known) {
            let (known, got) = (known.to_string(), object.rev.to_string());
            return Err(ResyncError::Older { known, got });
        }
        let signed = |identity: &Identity| {
            let bytes = object.signed_bytes(block);
            let key = identity.signing_key().ok();
            bytes
                .zip(key)
                .is_some_and(|(bytes, key)| key.verify(&bytes, object.sig).is_ok())
        };
        if !signed(identity) {
            let refreshed = self.identities.refresh(did).await?;
            let is_old = !refreshed.is_fresh && !self.identities.is_fixed(did);
            *identity = refreshed.identity;
            if !signed(identity) {
                return Err(if is_old {
                    ResyncError::OldKey
                } else {
                    ResyncError::Signature
                });
            }
        }
        Ok((object.rev, object.data))
    }
}
