//! Where the workspace keeps what the cases need.

use std::path::{Path, PathBuf};

/// The workspace's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Where cargo put this test binary's siblings: `target/debug` or what stands for it.
#[must_use]
pub fn binaries() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    // target/debug/deps/cases-… -> target/debug
    exe.parent()
        .and_then(Path::parent)
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The `aviary` program beside this test binary.
///
/// # Panics
/// When it has not been built.
#[must_use]
pub fn aviary() -> PathBuf {
    let path = binaries().join("aviary");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p aviary` (cargo xtask test does)",
        path.display()
    );
    path
}

/// The built guests: `AVIARY_GUESTS`, else the workspace's target folder.
///
/// # Panics
/// When they have not been built.
#[must_use]
pub fn guests() -> PathBuf {
    let path = std::env::var_os("AVIARY_GUESTS").map_or_else(
        || {
            let target = binaries();
            let target = target.parent().unwrap_or(&target);
            target.join("wasm32-wasip2/guest")
        },
        PathBuf::from,
    );
    assert!(
        path.join("statusphere.wasm").exists(),
        "{} holds no guests: run `cargo xtask plugins` (cargo xtask test does)",
        path.display()
    );
    path
}

/// A folder with copies of the named guests, as `--plugins` wants it.
///
/// # Panics
/// When one cannot be copied.
#[must_use]
pub fn plugins_dir(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in names {
        let file = format!("{name}.wasm");
        std::fs::copy(guests().join(&file), dir.path().join(&file)).expect("a guest to copy");
    }
    dir
}

/// The shared data folder, or none with a loud line: `AVIARY_DATA`, else beside the checkout.
#[must_use]
pub fn shared_data() -> Option<PathBuf> {
    let path = std::env::var_os("AVIARY_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: no shared data at {} (set AVIARY_DATA): the published suites were NOT run",
        path.display()
    );
    None
}
