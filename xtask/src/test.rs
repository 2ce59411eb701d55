//! `cargo xtask test`: everything that must pass.

use crate::steps::{Steps, cargo_with};
use crate::{check, plugins};

/// Check, then the guests and programs that the tests use, then the tests.
pub(crate) fn run(steps: &mut Steps) -> anyhow::Result<()> {
    check::run(steps)?;
    plugins::build(steps)?;
    let programs = [
        "build",
        "--package",
        "aviary",
        "--package",
        "aviary-simnet",
        "--bins",
    ];
    steps.run("programs", &mut cargo_with(&programs))?;
    steps.run("tests", &mut cargo_with(&["test", "--workspace"]))
}
