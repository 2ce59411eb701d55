//! A large repository fetched from a simulated network: `aviary backfill` into an empty store, then again where nothing
//! has changed.
//!
//! The network runs in this process and writes the repository out for each fetch, so a rate by the clock has its work in
//! it, and that of starting and of looking whether all is done, four times a second. CPU time is the host's alone.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use aviary_simnet::{Config, Network, Time};
use aviary_tests::host::network_environment;
use serde_json::Value;
use tokio::process::Command;

use crate::Args;
use crate::measure::{Used, median, used};

/// The one plugin, of the collection that the repository is filled with.
const PLUGIN: &str = "statusphere.wasm";

/// One fetch.
struct Run {
    seconds: f64,
    used: Used,
}

/// Prints the table.
pub(crate) async fn table(args: &Args) -> anyhow::Result<()> {
    println!(
        "\nA repository of {} records fetched and compared, one plugin (medians of {} runs)",
        args.records,
        args.runs.max(1)
    );
    println!(
        "{:<18} {:>8} {:>10} {:>8} {:>16} {:>9}",
        "archive before", "seconds", "records/s", "CPU s", "records/CPU s", "peak MiB"
    );
    let config = Config {
        time: Time::Wall,
        ..Config::default()
    };
    let network = Network::start(config).await?;
    let seq = network.emit(100).await?;
    ensure!(seq >= 100, "expected 100 events, got {seq}");
    let did = {
        let mut world = network.world();
        let did = world.active_dids().into_iter().next();
        let did = did.context("expected an active account")?;
        world.fill(&did, args.records)?;
        did
    };
    let plugins = tempfile::tempdir()?;
    std::fs::copy(args.plugins.join(PLUGIN), plugins.path().join(PLUGIN))?;
    let (mut cold, mut unchanged) = (Vec::new(), Vec::new());
    for _ in 0..args.runs.max(1) {
        let dir = tempfile::tempdir()?;
        cold.push(backfill(args, &network, &did, plugins.path(), dir.path()).await?);
        unchanged.push(backfill(args, &network, &did, plugins.path(), dir.path()).await?);
    }
    print("empty", args.records, &cold);
    print("nothing changed", args.records, &unchanged);
    network.stop().await;
    Ok(())
}

async fn backfill(
    args: &Args,
    network: &Network,
    did: &str,
    plugins: &Path,
    dir: &Path,
) -> anyhow::Result<Run> {
    let store = dir.join("store.db");
    let child = Command::new(&args.aviary)
        .args(["backfill", "--repo", did, "--json"])
        .arg("--store")
        .arg(format!("sqlite://{}", store.display()))
        .arg("--plugins")
        .arg(plugins)
        .envs(network_environment(network.urls()))
        .env("AVIARY_LOG_LEVEL", "warn")
        .current_dir(dir)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting aviary")?;
    let pid = child.id().context("a running aviary")?;
    let output = child.wait_with_output();
    tokio::pin!(output);
    let mut most = Used::default();
    let output = loop {
        tokio::select! {
            output = &mut output => break output?,
            () = tokio::time::sleep(Duration::from_millis(10)) => most = used(pid).unwrap_or(most),
        }
    };
    ensure!(
        output.status.success(),
        "aviary backfill failed: {}",
        output.status
    );
    let report: Value = serde_json::from_slice(&output.stdout).context("the report")?;
    let held = report["records"].as_u64().unwrap_or_default();
    ensure!(
        held >= args.records as u64,
        "expected {} records, got {report}",
        args.records
    );
    let seconds = report["seconds"].as_f64();
    Ok(Run {
        seconds: seconds.context("the report has no seconds")?,
        used: most,
    })
}

fn print(name: &str, records: usize, runs: &[Run]) {
    let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    let (seconds, cpu_s) = (of(|r| r.seconds), of(|r| r.used.cpu_s));
    #[expect(clippy::cast_precision_loss, reason = "a figure to show")]
    let records = records as f64;
    println!(
        "{name:<18} {seconds:>8.2} {:>10.0} {cpu_s:>8.2} {:>16.0} {:>9.0}",
        records / seconds,
        records / cpu_s,
        of(|r| r.used.peak_mib),
    );
}
