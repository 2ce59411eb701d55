//! `aviary replay`: the same path fed from a file of frames, at full speed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;

use super::identities;
use super::ingest::Ingest;
use super::parts::Parts;
use super::pipeline::Pipeline;
use super::usage::Usage;
use super::{ReplayOptions, ReplayProgress, ReplaySummary, Shutdown};
use crate::config::Settings;
use crate::entry::Source;
use crate::identity::Identities;
use crate::index::ConsumerSnapshot;
use crate::ingest::{Accepted, FileEnd, FrameFile, Intake, Verify};
use crate::queue::ChannelQueue;
use crate::telemetry::{Counter, Counters};

/// A replay drains for as long as it takes: nothing waits for it.
const DRAIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Frames between two reports of progress.
const PROGRESS_FRAMES: u64 = 512;

/// Indexes a file of frames.
///
/// # Errors
/// When it cannot start, or a part fails.
pub async fn replay(
    settings: Settings,
    options: ReplayOptions,
    shutdown: Shutdown,
) -> anyhow::Result<ReplaySummary> {
    let file = FrameFile::open(&options.frames).with_context(|| {
        format!(
            "cannot open the file of frames {}",
            options.frames.display()
        )
    })?;
    let known = options
        .identities
        .as_deref()
        .map(identities::read)
        .transpose()?;
    let parts = Parts::build(&settings, &shutdown.drain).await?;
    let mut parts = parts.context("told to stop while another host had the store")?;
    let pipeline = Pipeline::start(&mut parts, Arc::new(ChannelQueue::new()));
    let (begun, before) = (Instant::now(), Usage::now());

    let source = source(&options.frames);
    let verify = match known {
        Some(known) => {
            let handles = known.handles;
            identities::append(handles, &source, parts.store.partitions(), &*pipeline.queue)
                .await?;
            Verify::Full(Arc::new(Identities::fixed(known.documents)))
        }
        None => {
            tracing::warn!(
                "app.unverified: no --identities: blocks are hashed, signatures and trees are not checked"
            );
            Verify::HashesOnly
        }
    };
    let ingest = Ingest::start(
        &parts,
        &pipeline.watch,
        Arc::clone(&pipeline.queue),
        None,
        verify,
        false,
    )
    .await?;
    let intake = ingest.intake(&parts);
    let intake = Intake::new(source, parts.store.partitions(), None, intake);
    let fed = feed(file, intake, &options, &shutdown, &pipeline).await;
    ingest.close().await?;
    let drained = pipeline.drain(DRAIN, &shutdown.now).await;
    let desynchronized = parts.store.repo_counts().await?.desynchronized;
    let seconds = begun.elapsed().as_secs_f64();
    parts.store.close().await;
    drained?;
    let cut = match fed? {
        FileEnd::Clean => None,
        other => Some(other.to_string()),
    };
    let statuses = parts.statuses.iter().flatten().map(|s| s.snapshot());
    Ok(summary(
        &parts.counters,
        statuses.collect(),
        desynchronized,
        seconds,
        before,
        cut,
    ))
}

/// A file's seqs belong to that file, wherever it is called from.
fn source(path: &Path) -> Source {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Source(format!("file:{}", full.display()).into())
}

/// Hands every frame to the intake, until the file ends or we are told to stop.
async fn feed(
    mut file: FrameFile,
    mut intake: Intake,
    options: &ReplayOptions,
    shutdown: &Shutdown,
    pipeline: &Pipeline,
) -> anyhow::Result<FileEnd> {
    let mut progress = ReplayProgress {
        total_bytes: file.size_bytes(),
        ..ReplayProgress::default()
    };
    let mut frame = Vec::new();
    let end = loop {
        if shutdown.drain.is_cancelled() || pipeline.watch.failed().is_cancelled() {
            break FileEnd::Stopped {
                offset: file.offset(),
            };
        }
        let at = file.offset();
        if let Some(end) = file.next_into(&mut frame)? {
            break end;
        }
        let message = Bytes::copy_from_slice(&frame);
        if intake.accept(message, at).await? == Accepted::Refused {
            // A file says the same however often it is asked.
            intake.pass(&frame, at).await?;
        }
        progress.events += 1;
        if progress.events.is_multiple_of(PROGRESS_FRAMES) {
            progress.read_bytes = file.offset();
            (options.on_progress)(progress);
        }
    };
    intake.finish().await?;
    progress.read_bytes = file.offset();
    (options.on_progress)(progress);
    Ok(end)
}

fn summary(
    counters: &Counters,
    consumers: Vec<ConsumerSnapshot>,
    desynchronized: u64,
    seconds: f64,
    before: Usage,
    cut: Option<String>,
) -> ReplaySummary {
    let (now, counted) = (Usage::now(), counters.snapshot());
    let events = counted.get(Counter::Frames);
    #[expect(clippy::cast_precision_loss, reason = "figures to show")]
    let (events_f, guest_s) = (
        events as f64,
        consumers.iter().map(|c| c.guest_us).sum::<u64>() as f64 / 1e6,
    );
    let cpu_s = now
        .cpu_s
        .zip(before.cpu_s)
        .map(|(now, before)| now - before);
    let rejected: BTreeMap<String, u64> = counted
        .rejected
        .iter()
        .map(|(reason, n)| ((*reason).to_owned(), *n))
        .collect();
    ReplaySummary {
        events,
        verified: counted.get(Counter::CommitsVerified),
        held: counted.get(Counter::FramesHeld),
        ops: counted.get(Counter::Ops),
        records: counted.get(Counter::Records),
        desynchronized,
        rows: consumers.iter().map(|c| c.rows).sum(),
        dead_letters: counted.get(Counter::HostDeadLetters)
            + consumers.iter().map(|c| c.dead).sum::<u64>(),
        rejected,
        seconds,
        events_per_s: if seconds > 0.0 {
            events_f / seconds
        } else {
            0.0
        },
        cpu_s,
        cpu_s_per_1000_events: cpu_s.filter(|_| events > 0).map(|s| s / events_f * 1_000.0),
        guest_s,
        resident_peak_bytes: now.resident_peak_bytes,
        cut,
    }
}
