//! The shared data folder: recordings of real servers and other projects' conformance files.
//!
//! It lies beside a checkout or where `AVIARY_DATA` says. A case whose data is absent says so loudly and passes.

use std::path::{Path, PathBuf};

/// The path of something in the shared data folder; none, and a loud line, when it is absent.
#[must_use]
pub fn path(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let root = std::env::var_os("AVIARY_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "!!! NOT TESTED: shared data {name} is absent; set AVIARY_DATA to the shared data folder !!!"
    );
    None
}

/// A file's bytes; one that ends in `.zst` is decompressed.
///
/// # Panics
/// When the file is there and cannot be read.
#[must_use]
pub fn read(name: &str) -> Option<Vec<u8>> {
    let path = path(name)?;
    if path.extension().is_some_and(|ext| ext == "zst") {
        return Some(decompressed(&path));
    }
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{name}: {e}")))
}

/// A JSON file, decompressed when it is.
///
/// # Panics
/// As [`read`], and when it is not JSON.
#[must_use]
pub fn json(name: &str) -> Option<serde_json::Value> {
    let bytes = read(name)?;
    Some(serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}")))
}

/// Recorded messages: a length of four bytes, then the message, repeated.
///
/// # Panics
/// As [`read`], and when a length reaches past the end.
#[must_use]
pub fn frames(name: &str, length: fn([u8; 4]) -> u32) -> Option<Vec<Vec<u8>>> {
    let bytes = read(name)?;
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while let Some((head, tail)) = rest.split_first_chunk() {
        let Some((frame, tail)) = tail.split_at_checked(length(*head) as usize) else {
            panic!("{name}: a frame reaches past the end");
        };
        frames.push(frame.to_vec());
        rest = tail;
    }
    Some(frames)
}

pub(crate) fn decompressed(path: &Path) -> Vec<u8> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    zstd::decode_all(file).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
