//! The author's `plugin.toml` and the lexicon documents that its globs name.

use std::fs;
use std::path::{Path, PathBuf};

use aviary_manifest::Manifest;
use serde_json::Value;

/// What the macros work from.
pub(crate) struct Source {
    /// With the documents in it, every rule checked.
    pub manifest: Manifest,
    /// Files that it came from, relative to the author's `Cargo.toml`, so that a change to one rebuilds the plugin.
    pub files: Vec<String>,
}

const MANIFEST: &str = "plugin.toml";

/// Reads the manifest of the crate that is being compiled.
pub(crate) fn read() -> Result<Source, String> {
    let root = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or("expected CARGO_MANIFEST_DIR to be set, as cargo does")?;
    let text = fs::read_to_string(root.join(MANIFEST))
        .map_err(|e| format!("expected {MANIFEST} beside Cargo.toml: {e}"))?;
    let manifest = Manifest::from_toml(&text).map_err(|e| format!("{MANIFEST}: {e}"))?;
    let mut files = vec![MANIFEST.to_owned()];
    let mut documents = Vec::new();
    for glob in manifest.lexicons.iter().filter_map(Value::as_str) {
        for file in matches(&root, glob)? {
            documents.push(document(&root, &file)?);
            files.push(file);
        }
    }
    let manifest = manifest
        .embed(documents)
        .map_err(|e| format!("{MANIFEST}: {e}"))?;
    Ok(Source { manifest, files })
}

/// The files of one glob, sorted: the same tree gives the same component. `*` stands in the file's name only.
fn matches(root: &Path, glob: &str) -> Result<Vec<String>, String> {
    let (folder, pattern) = glob.rsplit_once('/').unwrap_or((".", glob));
    let stars = glob.matches('*').count();
    if folder.contains('*') || stars > 1 {
        return Err(format!(
            "{MANIFEST}: lexicons: expected at most one *, in the file's name, got {glob:?}"
        ));
    }
    let Some((head, tail)) = pattern.split_once('*') else {
        return Ok(vec![glob.to_owned()]);
    };
    let wrong = |e: std::io::Error| format!("{MANIFEST}: lexicons: cannot list {folder:?}: {e}");
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder)).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        let Some(name) = name.to_str() else { continue };
        let fits =
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail);
        if fits {
            found.push(format!("{folder}/{name}"));
        }
    }
    if found.is_empty() {
        return Err(format!(
            "{MANIFEST}: lexicons: expected files that match {glob:?}, found none"
        ));
    }
    found.sort();
    Ok(found)
}

fn document(root: &Path, file: &str) -> Result<Value, String> {
    let bytes = fs::read(root.join(file)).map_err(|e| format!("{MANIFEST}: {file}: {e}"))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("{MANIFEST}: {file}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_name_files_in_order() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = matches(root, "src/me*.rs").unwrap();
        assert_eq!(found, ["src/methods.rs"]);
        assert_eq!(matches(root, "a/b.json").unwrap(), ["a/b.json"]);
        for (glob, part) in [
            ("src/*.json", "found none"),
            ("*/lib.rs", "at most one *"),
            ("s*c/*.rs", "at most one *"),
            ("nowhere/*.json", "cannot list"),
        ] {
            let err = matches(root, glob).unwrap_err();
            assert!(err.contains(part), "{glob}: {err}");
        }
    }
}
