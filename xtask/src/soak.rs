//! `cargo xtask soak`: the oracle's runs, as many and as long as one likes.

use clap::Args;

use crate::plugins;
use crate::services::Services;
use crate::steps::{Steps, cargo_with};

/// How much is run.
#[derive(Args)]
pub(crate) struct Soak {
    /// Runs, each with a seed of its own from 1
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// Events of each run
    #[arg(long, default_value_t = 600)]
    events: u64,
}

impl Soak {
    pub(crate) fn run(&self, steps: &mut Steps) -> anyhow::Result<()> {
        plugins::build(steps)?;
        let programs = ["build", "--workspace", "--bins"];
        steps.run("programs", &mut cargo_with(&programs))?;
        let mut oracle = cargo_with(&["test", "--workspace", "--test", "cases", "--"]);
        oracle.args(["oracle", "--nocapture"]);
        oracle.env("SOAK_SEEDS", self.seeds.to_string());
        oracle.env("SOAK_EVENTS", self.events.to_string());
        let services = Services::up(false)?;
        steps.run("soak", services.hand_to(&mut oracle))
    }
}
