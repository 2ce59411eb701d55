//! Backfill: repositories are found in a list and asked for; the resync fetches them.
//!
//! Guarantees: a page counts as listed only when every repository on it is in the queue before the note of it, so a
//! backfill that was stopped goes on where it was. A repository that is asked for again is fetched again, which finds
//! no difference. What became of each is its state in the store.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::IngestError;
use super::backoff::Backoff;
use super::lanes::{Item, Lanes};
use super::listing::{Listing, ListingError, Page, Seen};
use crate::atproto::Did;
use crate::entry::{BackfillMark, Entry};
use crate::fault::{Class, Classify};
use crate::net::Client;
use crate::queue::Queue;
use crate::store::Store;

/// What is backfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backfill {
    /// The repositories of a host's list.
    Listed {
        /// Which list.
        listing: Listing,
        /// Scheme and authority of who lists.
        host: String,
    },
    /// One repository.
    Repo(Did),
}

impl Backfill {
    /// Its name in the store.
    #[must_use]
    pub fn job(&self) -> String {
        match self {
            Self::Listed {
                listing: Listing::All,
                host,
            } => format!("pds:{host}"),
            Self::Listed {
                listing: Listing::Collection(nsid),
                host,
            } => format!("collection:{nsid}@{host}"),
            Self::Repo(did) => format!("repo:{did}"),
        }
    }
}

/// What a backfill works with.
#[derive(Clone)]
pub struct BackfillParts {
    /// Told of each repository.
    pub lanes: Arc<Lanes>,
    /// Where notes go.
    pub queue: Arc<dyn Queue>,
    /// Where it was.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub client: Client,
}

/// How a listing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// All of it was listed; so many repositories.
    All(u64),
    /// Told to stop after so many; the next run goes on there.
    Stopped(u64),
}

impl BackfillParts {
    /// Asks for every repository of a backfill. `on_page` is told how many were listed.
    ///
    /// # Errors
    /// When the list cannot be had for good, or the host is ending.
    pub async fn list(
        &self,
        backfill: &Backfill,
        stop: &CancellationToken,
        on_page: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Listed, IngestError> {
        let job: Arc<str> = backfill.job().into();
        let reason = format!("backfill of {job}");
        let (listing, host) = match backfill {
            Backfill::Repo(did) => {
                self.lanes.send(did, Item::Follow { reason }).await?;
                self.note(&job, None, 1).await?;
                return Ok(Listed::All(1));
            }
            Backfill::Listed { listing, host } => (listing, host),
        };
        let before = self
            .store
            .backfill_jobs()
            .await?
            .into_iter()
            .find(|j| *j.job == *job && !j.listed_all);
        let (mut cursor, mut listed) = before.map_or((None, 0), |j| (j.cursor, j.listed));
        let mut seen = Seen::default();
        loop {
            let asked = self.page(listing, host, cursor.as_deref(), &mut seen, stop);
            let Some(page) = asked.await? else {
                return Ok(Listed::Stopped(listed));
            };
            listed += page.repos.len() as u64;
            for (did, _) in &page.repos {
                self.lanes
                    .send(
                        did,
                        Item::Follow {
                            reason: reason.clone(),
                        },
                    )
                    .await?;
            }
            self.note(&job, page.cursor.clone(), listed).await?;
            on_page(listed);
            match page.cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(Listed::All(listed)),
            }
        }
    }

    /// One page, however often it has to be asked for; none when told to stop.
    async fn page(
        &self,
        listing: &Listing,
        host: &str,
        cursor: Option<&str>,
        seen: &mut Seen,
        stop: &CancellationToken,
    ) -> Result<Option<Page>, ListingError> {
        let mut backoff = Backoff::new();
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                asked = listing.page(&self.client, host, cursor, seen) => asked,
            };
            match asked {
                Err(error) if error.class() == Class::Retry => {
                    tracing::warn!(host, %error, "backfill.retry: the list cannot be read now");
                }
                done => return done.map(Some),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// Everything asked for so far is in the queue; then the note is.
    async fn note(
        &self,
        job: &Arc<str>,
        cursor: Option<String>,
        listed: u64,
    ) -> Result<(), IngestError> {
        self.lanes.settle().await?;
        // The note goes through one partition, the repositories through all.
        self.queue.settle().await?;
        let mark = BackfillMark {
            job: Arc::clone(job),
            cursor,
            listed,
        };
        Ok(self.queue.append(0, Entry::Backfill(mark)).await?)
    }
}
