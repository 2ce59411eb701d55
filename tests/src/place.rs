//! Where the workspace keeps what the cases need.

use std::path::{Path, PathBuf};

use crate::guests;

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

/// A folder with copies of the named guests, as `--plugins` wants it.
///
/// # Panics
/// When one cannot be copied.
#[must_use]
pub fn plugins_dir(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in names {
        let file = format!("{name}.wasm");
        std::fs::copy(guests::folder().join(&file), dir.path().join(&file))
            .unwrap_or_else(|e| panic!("{file}: {e}; run: {}", guests::BUILD));
    }
    dir
}
