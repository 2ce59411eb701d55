//! The reference libraries, installed below the target folder by their lock file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::steps::Steps;
use crate::workspace::Workspace;

/// The folder with the peer ready to run; none, said loudly, when npm or its registry is not there.
pub(crate) fn install(steps: &mut Steps, workspace: &Workspace) -> Option<PathBuf> {
    let dir = workspace.target.join("bench/peer");
    match installed(steps, &dir) {
        Ok(()) => Some(dir),
        Err(error) => {
            eprintln!(
                "!!! NOT COMPARED: the reference libraries cannot be installed with npm: {error:#} !!!"
            );
            None
        }
    }
}

fn installed(steps: &mut Steps, dir: &Path) -> anyhow::Result<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/bench/peer");
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let lock = |dir: &Path| std::fs::read(dir.join("package-lock.json")).ok();
    // npm writes this file when it is done.
    let is_done =
        lock(&source) == lock(dir) && dir.join("node_modules/.package-lock.json").exists();
    for name in ["package.json", "package-lock.json", "verify.mjs"] {
        std::fs::copy(source.join(name), dir.join(name))
            .with_context(|| format!("cannot copy {name}"))?;
    }
    if is_done {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(dir);
    steps.run("reference libraries", &mut npm)
}
