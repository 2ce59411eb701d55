//! `cargo xtask plugins`: components from the workspace's guests.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::steps::{Steps, cargo_with};
use crate::workspace::Workspace;

/// What guests are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Builds every guest, and copies the bundled plugins to `target/plugins`.
pub(crate) fn build(steps: &mut Steps) -> anyhow::Result<Workspace> {
    let workspace = Workspace::read()?;
    install_target(steps)?;
    let mut cargo = cargo_with(&["build", "--profile", "guest", "--target", TARGET]);
    for guest in &workspace.guests {
        cargo.args(["--package", &guest.package]);
    }
    ensure!(
        !workspace.guests.is_empty(),
        "expected packages with crate-type cdylib, found none"
    );
    steps.run("plugins", &mut cargo)?;

    // Only what is bundled now: a plugin that was renamed must not stay.
    let dir = workspace.plugins_dir();
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let built = workspace.target.join(TARGET).join("guest");
    for guest in workspace.guests.iter().filter(|g| g.bundled) {
        let (from, to) = (built.join(&guest.file), dir.join(&guest.file));
        let bytes =
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        eprintln!("    {} ({} KiB)", to.display(), bytes >> 10);
    }
    Ok(workspace)
}

/// rust-toolchain.toml names the target, so that rustup has it; this is for those who override the toolchain.
pub(crate) fn install_target(steps: &mut Steps) -> anyhow::Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let output = output.context("cannot start rustc; install Rust from https://rustup.rs")?;
    let libdir = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && std::path::Path::new(libdir.trim()).is_dir() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    steps
        .run("wasm target", rustup.args(["target", "add", TARGET]))
        .with_context(|| format!("plugins need the Rust target {TARGET}"))
}
