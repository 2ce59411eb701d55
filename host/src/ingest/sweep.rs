//! After a gap of the whole stream: which followed repositories went on without us, by the upstream's own list.
//!
//! Guarantees: every followed repository whose listed rev is beyond its chain, after what the stream brings meanwhile
//! was taken, is marked desynchronized. Repeats until the list was gone through once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::IngestError;
use super::backoff::Backoff;
use super::followed::Followed;
use super::lanes::{Item, Lanes};
use super::listing::{Listing, ListingError, Seen};
use crate::limits;
use crate::net::Client;

/// What a sweep works with.
pub struct SweepParts {
    /// Told of each repository that is further.
    pub lanes: Arc<Lanes>,
    /// Which repositories are looked at.
    pub followed: Arc<Followed>,
    /// The way out.
    pub client: Client,
    /// Schemes and authorities of upstreams; the next is asked when one does not answer.
    pub upstreams: Vec<String>,
    /// Fires at a gap.
    pub gap: Arc<Notify>,
}

/// Sweeps after each gap until told to stop.
///
/// # Errors
/// When a lane has ended.
pub async fn run_sweeps(parts: SweepParts, stop: CancellationToken) -> Result<(), IngestError> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = parts.gap.notified() => {}
        }
        if parts.followed.is_empty() {
            continue;
        }
        let mut backoff = Backoff::new();
        for upstream in parts.upstreams.iter().cycle() {
            let error = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                swept = parts.sweep(upstream) => match swept {
                    Ok(()) => break,
                    Err(Failed::Lane(error)) => return Err(error),
                    Err(Failed::Listing(error @ ListingError::Circle { .. })) => {
                        tracing::error!(%error, "ingest.sweep_circle: the upstream's list of repositories has no end; what it showed was looked at");
                        break;
                    }
                    Err(Failed::Listing(error)) => error,
                },
            };
            tracing::warn!(%error, "ingest.sweep_failed: the upstream's list of repositories cannot be read; trying again");
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }
}

enum Failed {
    Lane(IngestError),
    Listing(ListingError),
}

impl SweepParts {
    async fn sweep(&self, upstream: &str) -> Result<(), Failed> {
        tracing::warn!(
            upstream,
            "ingest.sweep: events may be missing; going through the upstream's repositories"
        );
        let mut cursor: Option<String> = None;
        let (mut listed, mut asked, mut seen) = (0_u64, 0_u64, Seen::default());
        loop {
            let page = Listing::All
                .page(&self.client, upstream, cursor.as_deref(), &mut seen)
                .await;
            let page = page.map_err(Failed::Listing)?;
            listed += page.repos.len() as u64;
            let ours: Vec<_> = page
                .repos
                .into_iter()
                .filter_map(|(did, rev)| Some((did, rev?)))
                .filter(|(did, _)| self.followed.has(did))
                .collect();
            if !ours.is_empty() {
                // What happens now is both on the stream and in the list: the stream gets its turn.
                tokio::time::sleep(Duration::from_millis(limits::SWEEP_SETTLE_MS)).await;
            }
            for (did, rev) in ours {
                asked += 1;
                let reason =
                    format!("events of the stream were lost, and the upstream has rev {rev}");
                self.lanes
                    .send(&did, Item::Announced { rev, reason })
                    .await
                    .map_err(Failed::Lane)?;
            }
            match page.cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        tracing::info!(
            listed,
            asked,
            "ingest.swept: the upstream's repositories were gone through"
        );
        Ok(())
    }
}
