//! Programs that a machine lacks, from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// A program of this name in the path.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Installs a package.
///
/// # Errors
/// When this is not Debian, we may not, or it fails.
pub(super) fn install(package: &str) -> anyhow::Result<()> {
    ensure!(
        in_path("apt-get").is_some(),
        "install {package}, start it, or name a server in the environment"
    );
    ensure!(
        is_root(),
        "run `apt-get install {package}` as root, or name a server in the environment"
    );
    eprintln!("==> services: {package} is missing: installing it with apt-get");
    for arguments in [
        vec!["update", "-q"],
        vec!["install", "-q", "-y", "--no-install-recommends", package],
    ] {
        let status = Command::new("apt-get")
            .args(&arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .context("cannot start apt-get")?;
        ensure!(
            status.success(),
            "apt-get {} failed ({status})",
            arguments.join(" ")
        );
    }
    Ok(())
}

/// Whether this process is root, who owns its own entry below `/proc`.
pub(super) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|m| m.uid() == 0)
}
