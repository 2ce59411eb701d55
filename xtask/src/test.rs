//! `cargo xtask test`: everything that must pass.

use clap::Args;

use crate::services::Services;
use crate::steps::{Steps, cargo_with};
use crate::{check, plugins};

/// What the tests run against.
#[derive(Args)]
pub(crate) struct Test {
    /// Start a Postgres and a Redis for the tests, even where some run or are named
    #[arg(long)]
    private_services: bool,
}

impl Test {
    /// Check, then the guests, programs and servers that the tests use, then the tests.
    pub(crate) fn run(&self, steps: &mut Steps) -> anyhow::Result<()> {
        check::run(steps)?;
        plugins::build(steps)?;
        // Of the whole workspace: with the features of its tests, so that nothing is compiled twice.
        let programs = ["build", "--workspace", "--bins"];
        steps.run("programs", &mut cargo_with(&programs))?;
        let services = Services::up(self.private_services)?;
        let mut tests = cargo_with(&["test", "--workspace"]);
        steps.run("tests", services.hand_to(&mut tests))
    }
}
