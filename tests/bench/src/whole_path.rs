//! The whole path as its operator would see it: `aviary replay` on frames, into a fresh store of either backend.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use aviary_tests::{Backend, Place};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::Args;
use crate::measure::median;
use crate::recorded::Recorded;

/// One run's figures.
struct Run {
    events: f64,
    events_per_s: f64,
    cpu_s_per_1000: f64,
    verified: f64,
    key_hits: f64,
    guest_share: f64,
    resident_peak_mib: f64,
    store_mib: f64,
}

/// How a replay is told to go.
struct Kind {
    backend: Backend,
    store: &'static str,
    proven: &'static str,
    archive: &'static str,
}

const fn kind(
    backend: Backend,
    store: &'static str,
    proven: &'static str,
    archive: &'static str,
) -> Kind {
    Kind {
        backend,
        store,
        proven,
        archive,
    }
}

const KINDS: [Kind; 6] = [
    kind(Backend::Sqlite, "SQLite", "hashes", "plugins"),
    kind(Backend::Sqlite, "SQLite", "hashes", "all"),
    kind(Backend::Sqlite, "SQLite", "fully", "plugins"),
    kind(Backend::Sqlite, "SQLite", "fully", "all"),
    kind(Backend::Postgres, "Postgres", "fully", "plugins"),
    kind(Backend::Postgres, "Postgres", "fully", "all"),
];

/// Prints the table: hashed only beside fully verified, wanted collections beside all, SQLite beside Postgres.
pub(crate) fn table(args: &Args, runtime: &Runtime, inputs: &[Recorded]) -> anyhow::Result<()> {
    println!(
        "\nWhole path into a store, the bundled plugins (medians of {} runs)",
        args.runs.max(1)
    );
    println!(
        "{:<20} {:<8} {:<8} {:<8} {:>8} {:>9} {:>9} {:>12} {:>9} {:>7} {:>9} {:>10}",
        "frames",
        "store",
        "proven",
        "archive",
        "events",
        "verified",
        "events/s",
        "CPU s/1,000",
        "key hits",
        "guests",
        "peak MiB",
        "store MiB"
    );
    for input in inputs {
        for kind in &KINDS {
            let identities = (kind.proven == "fully").then_some(&*input.identities);
            let runs = (0..args.runs.max(1))
                .map(|_| replay(args, runtime, &input.frames, identities, kind))
                .collect::<anyhow::Result<Vec<Run>>>()?;
            line(input.name, kind, &runs);
        }
    }
    println!(
        "A replay has no network: commits of an account that came back are proven, then wait for a snapshot that cannot\n\
         be fetched, and are not counted as verified. Its keys are all at hand from the start. CPU time and memory are of\n\
         aviary alone: the Postgres server beside it uses its own."
    );
    Ok(())
}

fn line(name: &str, kind: &Kind, runs: &[Run]) {
    let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    println!(
        "{name:<20} {:<8} {:<8} {:<8} {:>8} {:>9} {:>9.0} {:>12.4} {:>8.2}% {:>6.1}% {:>9.0} {:>10.1}",
        kind.store,
        kind.proven,
        kind.archive,
        of(|r| r.events),
        of(|r| r.verified),
        of(|r| r.events_per_s),
        of(|r| r.cpu_s_per_1000),
        of(|r| 100.0 * r.key_hits),
        of(|r| 100.0 * r.guest_share),
        of(|r| r.resident_peak_mib),
        of(|r| r.store_mib),
    );
}

fn replay(
    args: &Args,
    runtime: &Runtime,
    frames: &Path,
    identities: Option<&Path>,
    kind: &Kind,
) -> anyhow::Result<Run> {
    let dir = tempfile::tempdir()?;
    let place = runtime.block_on(Place::new(kind.backend));
    let mut command = Command::new(&args.aviary);
    command
        .arg("replay")
        .arg(frames)
        .arg("--store")
        .arg(place.url())
        .arg("--plugins")
        .arg(&args.plugins)
        .args(["--archive", kind.archive, "--json"])
        .env("AVIARY_LOG_LEVEL", "error");
    if let Some(identities) = identities {
        command.arg("--identities").arg(identities);
    }
    let output = command
        .current_dir(dir.path())
        .stderr(Stdio::inherit())
        .output()
        .context("starting aviary")?;
    anyhow::ensure!(
        output.status.success(),
        "aviary replay failed: {}",
        output.status
    );
    let summary: Value = serde_json::from_slice(&output.stdout).context("the summary")?;
    let figure = |name: &str| {
        summary[name]
            .as_f64()
            .with_context(|| format!("the summary has no {name}: {summary}"))
    };
    const MIB: f64 = 1024.0 * 1024.0;
    let (cpu_s, verified) = (figure("cpu_s")?, figure("verified")?);
    Ok(Run {
        events: figure("events")?,
        events_per_s: figure("events_per_s")?,
        cpu_s_per_1000: figure("cpu_s_per_1000_events")?,
        verified,
        key_hits: 1.0 - figure("held")? / verified.max(1.0),
        guest_share: figure("guest_s")? / cpu_s.max(f64::MIN_POSITIVE),
        resident_peak_mib: figure("resident_peak_bytes")? / MIB,
        store_mib: store_bytes(runtime, &place)? / MIB,
    })
}

/// The database with its log, as it lies on the disk.
fn store_bytes(runtime: &Runtime, place: &Place) -> anyhow::Result<f64> {
    let bytes = match place {
        Place::Sqlite(dir) => {
            let mut bytes = 0;
            for entry in std::fs::read_dir(dir.path())? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with("store.db") {
                    bytes += entry.metadata()?.len();
                }
            }
            bytes
        }
        Place::Postgres(_) => {
            let sql = "select pg_database_size(current_database())";
            runtime.block_on(place.number(sql)).unsigned_abs()
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "a size to show")]
    Ok(bytes as f64)
}
