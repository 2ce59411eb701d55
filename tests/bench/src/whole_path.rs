//! The whole path as its operator would see it: `aviary replay` on frames, into a fresh SQLite store.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use serde_json::Value;

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

/// Prints the table: hashed only beside fully verified, wanted collections beside all.
pub(crate) fn table(args: &Args, inputs: &[Recorded]) -> anyhow::Result<()> {
    println!(
        "\nWhole path into SQLite, three plugins (medians of {} runs)",
        args.runs.max(1)
    );
    println!(
        "{:<20} {:<8} {:<8} {:>8} {:>9} {:>9} {:>12} {:>9} {:>7} {:>9} {:>10}",
        "frames",
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
        for (proven, identities) in [("hashes", None), ("fully", Some(&*input.identities))] {
            for archive in ["plugins", "all"] {
                let runs = (0..args.runs.max(1))
                    .map(|_| replay(args, &input.frames, identities, archive))
                    .collect::<anyhow::Result<Vec<Run>>>()?;
                let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
                println!(
                    "{:<20} {proven:<8} {archive:<8} {:>8} {:>9} {:>9.0} {:>12.4} {:>8.2}% {:>6.1}% {:>9.0} {:>10.1}",
                    input.name,
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
        }
    }
    println!(
        "A replay has no network: commits of an account that came back are proven, then wait for a snapshot that cannot\n\
         be fetched, and are not counted as verified. Its keys are all at hand from the start."
    );
    Ok(())
}

fn replay(
    args: &Args,
    frames: &Path,
    identities: Option<&Path>,
    archive: &str,
) -> anyhow::Result<Run> {
    let dir = tempfile::tempdir()?;
    let store = dir.path().join("store.db");
    let mut command = Command::new(&args.aviary);
    command
        .arg("replay")
        .arg(frames)
        .arg("--store")
        .arg(format!("sqlite://{}", store.display()))
        .arg("--plugins")
        .arg(&args.plugins)
        .args(["--archive", archive, "--json"])
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
        store_mib: store_bytes(dir.path())? / MIB,
    })
}

/// The database with its log, as it lies on the disk.
fn store_bytes(dir: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("store.db") {
            bytes += entry.metadata()?.len();
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a size to show")]
    Ok(bytes as f64)
}
