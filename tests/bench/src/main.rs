//! The whole path, measured as its operator would see it: `aviary replay` on frames, into a fresh SQLite store.
//!
//! Prints the median of several runs. The machine is shared and noisy: CPU seconds per 1,000 events is the figure to
//! compare, events/s says what this machine did at that moment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use clap::Parser;
use serde_json::Value;

/// Measures `aviary replay`.
#[derive(Parser)]
struct Args {
    /// The `aviary` program (a release build).
    #[arg(long)]
    aviary: PathBuf,
    /// A folder of plugins.
    #[arg(long)]
    plugins: PathBuf,
    /// Counted runs of each case.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Files of frames, each `NAME=PATH`.
    #[arg(required = true)]
    frames: Vec<String>,
}

/// One run's figures.
struct Run {
    events: f64,
    events_per_s: f64,
    cpu_s_per_1000: f64,
    guest_share: f64,
    resident_peak_mib: f64,
    store_mib: f64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!(
        "{:<22} {:<8} {:>9} {:>10} {:>12} {:>8} {:>9} {:>9}",
        "frames", "archive", "events", "events/s", "CPU s/1,000", "WASM", "peak MiB", "store MiB"
    );
    for frames in &args.frames {
        let (name, path) = frames
            .split_once('=')
            .with_context(|| format!("expected NAME=PATH, got {frames:?}"))?;
        for archive in ["plugins", "all"] {
            let mut runs = (0..args.runs.max(1))
                .map(|_| replay(&args, Path::new(path), archive))
                .collect::<anyhow::Result<Vec<Run>>>()?;
            runs.sort_by(|a, b| a.cpu_s_per_1000.total_cmp(&b.cpu_s_per_1000));
            let median = &runs[runs.len() / 2];
            println!(
                "{name:<22} {archive:<8} {:>9} {:>10.0} {:>12.4} {:>7.1}% {:>9.0} {:>9.1}",
                median.events,
                median.events_per_s,
                median.cpu_s_per_1000,
                100.0 * median.guest_share,
                median.resident_peak_mib,
                median.store_mib
            );
        }
    }
    Ok(())
}

fn replay(args: &Args, frames: &Path, archive: &str) -> anyhow::Result<Run> {
    let dir = tempfile::tempdir()?;
    let store = dir.path().join("store.db");
    let output = Command::new(&args.aviary)
        .arg("replay")
        .arg(frames)
        .arg("--store")
        .arg(format!("sqlite://{}", store.display()))
        .arg("--plugins")
        .arg(&args.plugins)
        .args(["--archive", archive, "--json"])
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
    let cpu_s = figure("cpu_s")?;
    Ok(Run {
        events: figure("events")?,
        events_per_s: figure("events_per_s")?,
        cpu_s_per_1000: figure("cpu_s_per_1000_events")?,
        guest_share: if cpu_s > 0.0 {
            figure("guest_s")? / cpu_s
        } else {
            0.0
        },
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
