//! `cargo xtask check`: what can be said without running the tests.

use crate::plugins::{TARGET, install_target};
use crate::steps::{Steps, cargo_with};
use crate::workspace::Workspace;

/// Format, lints on both targets, documentation, architecture.
pub(crate) fn run(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("format", &mut cargo_with(&["fmt", "--all", "--check"]))?;
    let lints = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    steps.run("lints", &mut cargo_with(&lints))?;
    guests(steps)?;
    let mut doc = cargo_with(&["doc", "--workspace", "--no-deps"]);
    steps.run("documentation", doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    // Of the whole workspace, as the tests are: with the same features, so that nothing is compiled twice.
    let test = ["test", "--workspace", "--test", "cases", "architecture::"];
    steps.run("architecture", &mut cargo_with(&test))
}

/// Guests have code that only their own target compiles.
fn guests(steps: &mut Steps) -> anyhow::Result<()> {
    let workspace = Workspace::read()?;
    if workspace.guests.is_empty() {
        return Ok(());
    }
    install_target(steps)?;
    let mut cargo = cargo_with(&["clippy", "--profile", "guest", "--target", TARGET]);
    for guest in &workspace.guests {
        cargo.args(["--package", &guest.package]);
    }
    steps.run("lints of guests", cargo.args(["--", "-D", "warnings"]))
}
