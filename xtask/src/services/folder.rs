//! A temporary folder that goes with its handle.
//!
//! Guarantees: named after this process; folders of processes that no longer run (a task that was killed) go when the
//! next one is made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

const PREFIX: &str = "aviary-services-";
/// How often, and after what pause, a folder is tried again to be removed.
const REMOVE_TRIES: u32 = 100;
/// See [`REMOVE_TRIES`].
const REMOVE_PAUSE: Duration = Duration::from_millis(20);

/// A folder of this process.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one; `name` tells it apart from others of this process.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn new(name: &str) -> anyhow::Result<Self> {
        let all = std::env::temp_dir();
        sweep(&all);
        let path = all.join(format!("{PREFIX}{}-{name}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut removed = std::fs::remove_dir_all(&self.0);
        // The other processes of a server end a moment after it, and write until then.
        for _ in 0..REMOVE_TRIES {
            if removed.is_ok() {
                return;
            }
            std::thread::sleep(REMOVE_PAUSE);
            removed = std::fs::remove_dir_all(&self.0);
        }
        if let Err(error) = removed {
            eprintln!("    cannot remove {}: {error}", self.0.display());
        }
    }
}

fn sweep(all: &Path) {
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|n| n.strip_prefix(PREFIX))
            .and_then(|n| n.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Somebody else may be faster.
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}
