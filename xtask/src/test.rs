//! `cargo xtask test`: everything that must pass.

use crate::steps::{Steps, cargo_with};
use crate::{check, plugins};

/// Check, then the guests and programs that the tests use, then the tests.
pub(crate) fn run(steps: &mut Steps) -> anyhow::Result<()> {
    check::run(steps)?;
    plugins::build(steps)?;
    // Of the whole workspace: with the features of its tests, so that nothing is compiled twice.
    let programs = ["build", "--workspace", "--bins"];
    steps.run("programs", &mut cargo_with(&programs))?;
    steps.run("tests", &mut cargo_with(&["test", "--workspace"]))
}
