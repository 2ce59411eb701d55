//! What becomes of a Jetstream's gaps: a backfill of their collections, or the command to run.
//!
//! Guarantees: no gap is forgotten while the host runs; many gaps of one collection are one backfill. Records that were
//! deleted within a gap are found when their repository is fetched, so those that are followed are gone through too.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::atproto::Nsid;
use crate::config::BackfillMode;
use crate::ingest::{Backfill, BackfillParts, Gap, GapReason, IngestError, Listing};
use crate::telemetry::{Counter, Counters};

/// Gaps that nobody dealt with yet, by collection.
pub(super) struct Gaps {
    mode: BackfillMode,
    counters: Arc<Counters>,
    open: Mutex<BTreeSet<String>>,
    /// Gone through, into a queue that may be lost: then they are gone through again.
    listed: Mutex<BTreeSet<String>>,
    told: Notify,
    /// Has the followed repositories gone through.
    sweep: Arc<Notify>,
}

impl Gaps {
    pub(super) fn new(mode: BackfillMode, counters: Arc<Counters>, sweep: Arc<Notify>) -> Self {
        Self {
            mode,
            counters,
            open: Mutex::default(),
            listed: Mutex::default(),
            told: Notify::new(),
            sweep,
        }
    }

    /// Takes a gap.
    pub(super) fn tell(&self, gap: Gap) {
        self.counters.add(Counter::StreamGaps, 1);
        if self.mode == BackfillMode::Off {
            let commands: Vec<String> = gap.collections.iter().map(|name| command(name)).collect();
            tracing::error!(
                reason = ?gap.reason,
                from_us = gap.from_us,
                to_us = gap.to_us,
                run = commands.join("; "),
                "app.gap: events of the stream are missing; run these commands, or set ingest.backfill = \"auto\""
            );
            return;
        }
        if gap.reason != GapReason::Added {
            self.sweep.notify_one();
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.extend(gap.collections);
        self.told.notify_one();
    }

    fn take(&self) -> BTreeSet<String> {
        let taken = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.extend(taken.iter().cloned());
        taken
    }

    /// Opens what was taken before: with another queue, nobody knows what became of it.
    fn open_again(&self) {
        let listed =
            std::mem::take(&mut *self.listed.lock().unwrap_or_else(PoisonError::into_inner));
        if !listed.is_empty() {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extend(listed);
            self.told.notify_one();
        }
    }

    /// Backfills what gaps left out, until told to stop. `host` lists repositories. Once for each queue: what was listed
    /// into the one before is listed again.
    ///
    /// # Errors
    /// When the host is ending.
    pub(super) async fn run(
        self: Arc<Self>,
        lister: BackfillParts,
        host: String,
        stop: CancellationToken,
    ) -> Result<(), IngestError> {
        self.open_again();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.told.notified() => {}
            }
            for collection in self.take() {
                let Some(listing) = listing(&collection) else {
                    tracing::error!(
                        collection,
                        run = command(&collection),
                        "app.gap: no host lists repositories by a prefix; run the command for each collection of it"
                    );
                    continue;
                };
                let backfill = Backfill::Listed {
                    listing,
                    host: host.clone(),
                };
                match lister.list(&backfill, &stop, &|_| {}).await {
                    Ok(listed) => {
                        tracing::info!(
                            collection,
                            ?listed,
                            "app.gap_listed: repositories were asked for"
                        );
                    }
                    Err(IngestError::Listing(error)) => {
                        tracing::error!(collection, %error, run = command(&collection), "app.gap: the list cannot be had; run the command");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Which list has the repositories of a pattern; none for a prefix.
fn listing(pattern: &str) -> Option<Listing> {
    match pattern {
        "*" => Some(Listing::All),
        name => Nsid::parse(name).ok().map(Listing::Collection),
    }
}

fn command(pattern: &str) -> String {
    match pattern {
        "*" => "aviary backfill --pds URL".to_owned(),
        name => format!("aviary backfill --collection {name}"),
    }
}
