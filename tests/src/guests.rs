//! Components that the tests run: the bundled plugins and the guests that misbehave, built by `cargo xtask test`.

use std::path::PathBuf;

/// What builds them.
pub const BUILD: &str = "cargo build --profile guest --target wasm32-wasip2 -p statusphere -p posts -p likes \
                         -p calendar -p frontpage -p aviary-guest-hostile -p aviary-guest-bare -p aviary-guest-stranger";

/// Where they are: `AVIARY_GUESTS`, else the target folder of the workspace.
#[must_use]
pub fn folder() -> PathBuf {
    std::env::var_os("AVIARY_GUESTS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../target/wasm32-wasip2/guest"
            ))
        },
        PathBuf::from,
    )
}

/// One component's bytes.
///
/// # Panics
/// When it has not been built, with the command that does.
#[must_use]
pub fn bytes(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; run: {BUILD}", path.display()))
}
