//! `cargo xtask bench`: the parts, then what stands for the whole host: commits verified beside the reference
//! libraries, frames replayed into SQLite and Postgres, a large repository fetched.

mod peer;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::plugins;
use crate::services::Services;
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
    /// Records of the repository that is fetched
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Counted runs of each case
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Only this
    #[arg(long)]
    only: Option<Only>,
}

/// One of the measurements.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// The parts by themselves
    Parts,
    /// Commits verified, beside the reference libraries
    Verification,
    /// Frames into a store
    WholePath,
    /// A large repository fetched
    Resync,
}

impl Bench {
    pub(crate) fn run(&self, steps: &mut Steps) -> anyhow::Result<()> {
        let workspace = plugins::build(steps)?;
        // The selection of every other build: another one would compile the dependencies anew.
        let mut build = cargo_with(&["build", "--release", "--workspace", "--bins"]);
        steps.run("release build", &mut build)?;
        if self.asks_for(Only::Parts) {
            let mut parts = cargo_with(&["bench", "--workspace", "--bench", "parts"]);
            steps.run("parts", &mut parts)?;
        }
        if self.only == Some(Only::Parts) {
            return Ok(());
        }
        let peer = if self.asks_for(Only::Verification) {
            peer::install(steps, &workspace)
        } else {
            None
        };
        let signed = self.signed(steps, &workspace)?;
        let mut figures = Command::new(workspace.target.join("release/figures"));
        figures
            .arg("--aviary")
            .arg(workspace.target.join("release/aviary"))
            .arg("--plugins")
            .arg(workspace.plugins_dir())
            .arg("--signed")
            .arg(signed)
            .args(["--runs", &self.runs.to_string()])
            .args(["--records", &self.records.to_string()]);
        if let Some(peer) = peer {
            figures.arg("--peer").arg(peer);
        }
        if let Some(only) = self.only.and_then(|only| only.to_possible_value()) {
            figures.args(["--only", only.get_name()]);
        }
        // Held to the end: a private server goes with it.
        let services = Services::up(false)?;
        steps.run("figures", services.hand_to(&mut figures))
    }

    fn asks_for(&self, part: Only) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    /// Makes frames and documents once for each choice of numbers.
    fn signed(&self, steps: &mut Steps, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        let name = format!("signed-{}-{}", self.events, self.accounts);
        let dir = workspace.target.join("bench").join(name);
        // Written last.
        if dir.join("truth.json").exists() {
            return Ok(dir);
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut simnet = Command::new(workspace.target.join("release/simnet"));
        simnet
            .args(["record", "--seed", "5"])
            .args(["--events", &self.events.to_string()])
            .args(["--accounts", &self.accounts.to_string(), "--out"])
            .arg(&dir);
        steps.run("pre-signed frames", &mut simnet)?;
        Ok(dir)
    }
}
