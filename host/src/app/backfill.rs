//! `aviary backfill`, and the backfills that a host begins by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use super::Shutdown;
use super::ingest::{Ingest, Outside, verify};
use super::parts::Parts;
use super::pipeline::Pipeline;
use crate::atproto::{Did, Nsid};
use crate::config::{BackfillMode, Settings};
use crate::ingest::{Backfill, Listed, Listing, Pulse};
use crate::queue::ChannelQueue;
use crate::store::{RepoCounts, Store};
use crate::telemetry::Counter;

/// A backfill drains for as long as it takes: nothing waits for it.
const DRAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Time between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// Failing repositories in a report; more are counted.
const FAILING_SHOWN_MAX: usize = 1_000;

/// What to backfill.
#[derive(Clone, Debug)]
pub enum BackfillTarget {
    /// Repositories with records of a collection, as the relay lists them.
    Collection(Nsid),
    /// One repository, by DID or handle.
    Repo(String),
    /// Every repository of a host: its address.
    Pds(String),
}

/// What `aviary backfill` adds to the settings.
pub struct BackfillOptions {
    /// What to backfill.
    pub target: BackfillTarget,
    /// How long repositories that fail are tried again before the report is made.
    pub patience: Duration,
    /// Told now and then.
    pub on_progress: Box<dyn Fn(BackfillProgress) + Send + Sync>,
}

/// How far a backfill is.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackfillProgress {
    /// Repositories listed.
    pub listed: u64,
    /// Whether the list came to its end.
    pub listed_all: bool,
    /// Repositories that are still to be fetched, those that fail included.
    pub left: u64,
    /// Records held against the archive.
    pub records: u64,
}

/// What a backfill did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BackfillReport {
    /// Repositories listed.
    pub listed: u64,
    /// Whether the list came to its end; if not, the next run goes on there.
    pub listed_all: bool,
    /// Repositories of this store that are whole.
    pub complete: u64,
    /// Repositories that could not be fetched, with reasons: tried again by the next run or a running host.
    pub failing: Vec<FailingRepo>,
    /// How many more fail.
    pub failing_more: u64,
    /// Records held against the archive.
    pub records: u64,
    /// Time it took (s).
    pub seconds: f64,
}

/// A repository that could not be fetched.
#[derive(Clone, Debug, Serialize)]
pub struct FailingRepo {
    /// Whose.
    pub did: String,
    /// Why, last.
    pub reason: String,
}

/// Lists repositories, fetches them, indexes them, and says what became of each.
///
/// # Errors
/// When it cannot start, the list cannot be had, or a part fails.
pub async fn backfill(
    settings: Settings,
    options: BackfillOptions,
    shutdown: Shutdown,
) -> anyhow::Result<BackfillReport> {
    let parts = Parts::build(&settings, &shutdown.drain).await?;
    let mut parts = parts.context("told to stop while another host had the store")?;
    let outside = Outside::new(&settings, &parts)?;
    let backfill = target(&options.target, &settings, &outside).await?;
    let pipeline = Pipeline::start(&mut parts, Arc::new(ChannelQueue::new()));
    let mut ingest = Ingest::start(
        &parts,
        &pipeline.watch,
        Arc::clone(&pipeline.queue),
        None,
        verify(&settings, &outside),
        true,
    )
    .await?;
    ingest.repair(&settings, &parts, &outside);
    let begun = Instant::now();

    let lister = ingest.backfill(&parts, &outside);
    let told = |listed| {
        (options.on_progress)(BackfillProgress {
            listed,
            ..BackfillProgress::default()
        })
    };
    let listed = lister.list(&backfill, &shutdown.drain, &told).await;
    if listed.is_ok() {
        watch(&parts, &pipeline, &options, &shutdown, listed.as_ref().ok()).await?;
    }
    ingest.close().await?;
    let drained = pipeline.drain(DRAIN, &shutdown.now).await;
    let report = report(&*parts.store, &listed?).await;
    parts.store.close().await;
    drained?;
    let mut report = report?;
    report.records = parts.counters.get(Counter::ResyncRecords);
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

async fn target(
    target: &BackfillTarget,
    settings: &Settings,
    outside: &Outside,
) -> anyhow::Result<Backfill> {
    Ok(match target {
        BackfillTarget::Collection(nsid) => Backfill::Listed {
            listing: Listing::Collection(nsid.clone()),
            host: settings.ingest.relay.first().http(),
        },
        BackfillTarget::Pds(host) => Backfill::Listed {
            listing: Listing::All,
            host: host.trim_end_matches('/').to_owned(),
        },
        BackfillTarget::Repo(name) if name.starts_with("did:") => Backfill::Repo(Did::parse(name)?),
        BackfillTarget::Repo(name) => {
            let handle =
                crate::atproto::Handle::parse(name).context("expected a DID or a handle")?;
            Backfill::Repo(outside.identities.resolve_handle(&handle).await?)
        }
    })
}

/// Waits until every repository is whole, or those that are left have failed for longer than the patience.
async fn watch(
    parts: &Parts,
    pipeline: &Pipeline,
    options: &BackfillOptions,
    shutdown: &Shutdown,
    listed: Option<&Listed>,
) -> anyhow::Result<()> {
    let mut progress = BackfillProgress::default();
    if let Some(Listed::All(n) | Listed::Stopped(n)) = listed {
        progress.listed = *n;
        progress.listed_all = matches!(listed, Some(Listed::All(_)));
    }
    let (mut moved, mut moved_at) = (0, Instant::now());
    loop {
        // Looked at first: what is committed by then is in the counts. A batch in the archiver's hands is in neither.
        let is_archived = pipeline.queue.is_committed();
        let counts = parts.store.repo_counts().await?;
        progress.left = counts.desynchronized + counts.resyncing;
        progress.records = parts.counters.get(Counter::ResyncRecords);
        (options.on_progress)(progress);
        let done = counts.synchronized + progress.records;
        if done != moved {
            (moved, moved_at) = (done, Instant::now());
        }
        let idle = is_archived && counts.resyncing == 0 && moved_at.elapsed() > options.patience;
        if progress.left == 0 && is_archived || idle {
            return Ok(());
        }
        tokio::select! {
            () = shutdown.drain.cancelled() => return Ok(()),
            () = pipeline.watch.failed().cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn report(store: &dyn Store, listed: &Listed) -> anyhow::Result<BackfillReport> {
    let RepoCounts {
        synchronized,
        desynchronized,
        resyncing,
        ..
    } = store.repo_counts().await?;
    let page = store.broken_repos(0, FAILING_SHOWN_MAX).await?;
    let failing: Vec<FailingRepo> = page
        .into_iter()
        .map(|(_, repo)| FailingRepo {
            did: repo.did.to_string(),
            reason: repo.reason,
        })
        .collect();
    let (Listed::All(n) | Listed::Stopped(n)) = *listed;
    Ok(BackfillReport {
        listed: n,
        listed_all: matches!(listed, Listed::All(_)),
        complete: synchronized,
        failing_more: (desynchronized + resyncing).saturating_sub(failing.len() as u64),
        failing,
        ..BackfillReport::default()
    })
}

/// The collections of loaded plugins that were never backfilled from this relay, exact names alone.
pub(super) async fn missing(parts: &Parts, settings: &Settings) -> anyhow::Result<Vec<Backfill>> {
    let jobs = parts.store.backfill_jobs().await?;
    let collections = parts.registry.collections();
    let exact = collections.iter().filter_map(|c| Nsid::parse(c).ok());
    let all = exact.map(|nsid| Backfill::Listed {
        listing: Listing::Collection(nsid),
        host: settings.ingest.relay.first().http(),
    });
    Ok(all
        .filter(|b| !jobs.iter().any(|j| j.listed_all && j.job == b.job()))
        .collect())
}

/// Backfills one collection after another beside a running host, once its stream stands, or says that nobody did.
pub(super) async fn automatic(
    settings: &Settings,
    parts: &Arc<Parts>,
    ingest: &mut Ingest,
    outside: &Outside,
    pulse: Arc<Pulse>,
) -> anyhow::Result<()> {
    let missing = missing(parts, settings).await?;
    if settings.ingest.backfill == BackfillMode::Off {
        // Once is enough: a queue that is opened anew begins ingest again.
        let is_first = parts.counters.get(Counter::QueueLost) == 0;
        for backfill in missing.into_iter().filter(|_| is_first) {
            let job = backfill.job();
            tracing::warn!(
                job,
                "app.not_backfilled: records from before this host followed the relay are missing; run `aviary backfill`, or set ingest.backfill = \"auto\""
            );
        }
        return Ok(());
    }
    let (lister, stop) = (ingest.backfill(parts, outside), ingest.stop().clone());
    ingest.work("backfill", async move {
        // A repository that is new between the list and the stream would be in neither.
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = pulse.until_connected() => {}
        }
        for backfill in missing {
            let job = backfill.job();
            match lister.list(&backfill, &stop, &|_| {}).await {
                Ok(listed) => tracing::info!(job, ?listed, "app.backfill_listed: repositories were asked for"),
                // A relay without lists is no reason to stop a host.
                Err(crate::ingest::IngestError::Listing(error)) => {
                    tracing::error!(job, %error, "app.backfill_failed: the list cannot be had; the next start tries again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    });
    Ok(())
}
