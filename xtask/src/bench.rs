//! `cargo xtask bench`: the parts, then the whole path on recorded and on pre-signed frames.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::Args;

use crate::plugins;
use crate::steps::{Steps, cargo_with};
use crate::workspace::Workspace;

/// What is measured.
#[derive(Args)]
pub(crate) struct Bench {
    /// Pre-signed events to make and replay
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Accounts that they are spread over
    #[arg(long, default_value_t = 2_000)]
    accounts: u64,
    /// Counted runs of each whole-path case
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Only the whole path
    #[arg(long)]
    whole_path: bool,
}

impl Bench {
    pub(crate) fn run(&self, steps: &mut Steps) -> anyhow::Result<()> {
        let workspace = plugins::build(steps)?;
        let packages = ["-p", "aviary", "-p", "aviary-simnet", "-p", "aviary-bench"];
        let mut build = cargo_with(&["build", "--release"]);
        steps.run("release build", build.args(packages))?;
        if !self.whole_path {
            let mut parts = cargo_with(&["bench", "-p", "aviary-bench", "--bench", "parts"]);
            steps.run("parts", &mut parts)?;
        }
        let signed = self.signed_frames(steps, &workspace)?;
        let mut whole = Command::new(workspace.target.join("release/whole-path"));
        whole
            .arg("--aviary")
            .arg(workspace.target.join("release/aviary"))
            .arg("--plugins")
            .arg(workspace.plugins_dir())
            .arg("--runs")
            .arg(self.runs.to_string())
            .arg(format!("pre-signed={}", signed.display()));
        if let Some(recorded) = std::env::var_os("AVIARY_BENCH_FRAMES") {
            whole.arg(format!("recorded={}", Path::new(&recorded).display()));
        }
        steps.run("whole path", &mut whole)
    }

    /// Makes the frames once for each choice of numbers.
    fn signed_frames(&self, steps: &mut Steps, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        let name = format!("signed-{}-{}", self.events, self.accounts);
        let dir = workspace.target.join("bench").join(name);
        let frames = dir.join("frames.bin");
        if frames.exists() {
            return Ok(frames);
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut simnet = Command::new(workspace.target.join("release/simnet"));
        simnet
            .args([
                "record",
                "--seed",
                "5",
                "--events",
                &self.events.to_string(),
            ])
            .args(["--accounts", &self.accounts.to_string(), "--out"])
            .arg(&dir);
        steps.run("pre-signed frames", &mut simnet)?;
        Ok(frames)
    }
}
