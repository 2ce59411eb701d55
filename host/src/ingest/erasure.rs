//! Accounts that upstream calls deleted: asked about at their own host before anything is erased.
//!
//! Guarantees: nothing is erased on a relay's word alone; a host that does not answer changes nothing, and is asked
//! again later. Until then the account is hidden. The work is what the store says, so a crash loses none of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::IngestError;
use super::broken::Broken;
use super::lanes::{Item, Lanes};
use crate::atproto::Did;
use crate::entry::{Entry, Erase, partition_of};
use crate::fault::{Class, Classify};
use crate::identity::{Identities, IdentityError};
use crate::limits;
use crate::net::{Client, GetLimits, NetError};
use crate::queue::Queue;
use crate::store::{AccountRow, Store};

/// What an erasure works with.
pub struct ErasureParts {
    /// Told to let go of what they hold of the account.
    pub lanes: Arc<Lanes>,
    /// Where the erasure goes.
    pub queue: Arc<dyn Queue>,
    /// Which accounts are said to be deleted.
    pub store: Arc<dyn Store>,
    /// Where accounts are.
    pub identities: Arc<Identities>,
    /// The way out.
    pub client: Client,
    /// When to look.
    pub broken: Arc<Broken>,
}

/// What an account's host says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hosted {
    /// It is deleted.
    Gone,
    /// It is there, active or not.
    Here,
    /// Nobody knows.
    Unknown,
}

#[derive(Deserialize)]
struct Status {
    active: bool,
    #[serde(default)]
    status: Option<String>,
}

/// Confirms deletions until told to stop.
///
/// # Errors
/// When the store, the queue or a lane fails for good.
pub async fn run_erasures(parts: ErasureParts, stop: CancellationToken) -> Result<(), IngestError> {
    let mut asked: HashMap<Did, (u32, Instant)> = HashMap::new();
    // What was said is in the store a little later.
    let mut looks_soon = 0_u32;
    loop {
        let soon = looks_soon > 0;
        let pause_ms = if soon {
            limits::ERASURE_SOON_MS
        } else {
            limits::ERASURE_LOOK_MS
        };
        looks_soon = looks_soon.saturating_sub(1);
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = parts.broken.deletions() => looks_soon = limits::ERASURE_LOOKS_SOON,
            () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
        }
        let mut after = 0;
        loop {
            let page = match parts
                .store
                .deleted_accounts(after, limits::BROKEN_PAGE_ROWS)
                .await
            {
                Ok(page) => page,
                Err(error) if error.class() == Class::Retry => break,
                Err(error) => return Err(error.into()),
            };
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (_, account) in page {
                let now = Instant::now();
                let due = asked.get(&account.did).is_none_or(|(_, next)| *next <= now);
                if due && !stop.is_cancelled() {
                    let times = asked.get(&account.did).map_or(0, |(times, _)| *times);
                    match parts.confirm(account).await? {
                        (did, true) => drop(asked.remove(&did)),
                        (did, false) => drop(asked.insert(did, (times + 1, now + wait(times)))),
                    }
                }
            }
        }
        let forget = Duration::from_millis(limits::RESYNC_RETRY_MS_MAX);
        asked.retain(|_, (_, next)| next.elapsed() < forget);
    }
}

fn wait(times: u32) -> Duration {
    let step_ms = limits::RESYNC_RETRY_MS.saturating_mul(1 << times.min(16));
    Duration::from_millis(step_ms.min(limits::RESYNC_RETRY_MS_MAX))
}

impl ErasureParts {
    /// Asks about one account; says whether it is being erased.
    async fn confirm(&self, account: AccountRow) -> Result<(Did, bool), IngestError> {
        let did = account.did;
        let hosted = self.hosted(&did).await;
        tracing::info!(%did, ?hosted, "ingest.deletion: an account is said to be deleted; its host was asked");
        let (Hosted::Gone, Some((source, seq))) = (hosted, account.origin) else {
            return Ok((did, false));
        };
        self.lanes.send(&did, Item::Forget).await?;
        self.identities.purge(&did);
        let entry = Entry::Erase(Erase {
            did: did.clone(),
            source,
            seq,
        });
        let partition = partition_of(&did, self.store.partitions());
        self.queue.append(partition, entry).await?;
        Ok((did, true))
    }

    /// What the account's own host says, found by its document as it is now.
    async fn hosted(&self, did: &Did) -> Hosted {
        let identity = match self.identities.refresh(did).await {
            Ok(refreshed) => refreshed.identity,
            Err(IdentityError::NotFound(_) | IdentityError::Deactivated(_)) => return Hosted::Gone,
            Err(_) => return Hosted::Unknown,
        };
        let Some(host) = identity.pds() else {
            return Hosted::Unknown;
        };
        let url = format!("{host}/xrpc/com.atproto.sync.getRepoStatus?did={did}");
        let bounds = GetLimits {
            bytes_max: limits::STATUS_BYTES_MAX,
            total_ms: limits::STATUS_MS_MAX,
            redirects_max: 0,
        };
        match self.client.get(&url, bounds).await {
            Ok(body) => match serde_json::from_slice::<Status>(&body) {
                Ok(Status {
                    active: false,
                    status: Some(word),
                }) if word == "deleted" => Hosted::Gone,
                Ok(_) => Hosted::Here,
                Err(_) => Hosted::Unknown,
            },
            Err(NetError::Status {
                status: 400 | 404,
                message,
                ..
            }) if message.contains("RepoNotFound") => Hosted::Gone,
            Err(_) => Hosted::Unknown,
        }
    }
}
