//! Compiled components kept on disk, so that a restart does not compile again.
//!
//! Guarantees: an entry is used only when it is what this host wrote for these very bytes and this very engine; a
//! corrupt, cut or foreign entry is compiled anew; entries appear whole or not at all. The folder has to be the
//! host's own: machine code is run as it is, so a folder that others can write to is refused.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::precompiled;

const DIGEST_BYTES: usize = 32;

/// A private folder of compiled components.
#[derive(Clone, Debug)]
pub struct CompiledFolder {
    path: PathBuf,
}

/// Why a folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Others can write to it, or own it.
    #[error(
        "{path}: expected a folder of this host's user that nobody else can enter (mode 0700), got {got}: compiled plugins run as native code"
    )]
    NotPrivate {
        /// Which.
        path: PathBuf,
        /// What it is.
        got: String,
    },
    /// The file system says no.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl CompiledFolder {
    /// Takes a folder, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be made or is not private.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        match private(&path) {
            Ok(None) => Ok(Self { path }),
            Ok(Some(got)) => Err(FolderError::NotPrivate { path, got }),
            Err(source) => Err(FolderError::Io { path, source }),
        }
    }

    /// The component of these bytes, from its entry or compiled now.
    ///
    /// # Errors
    /// When it does not compile. Trouble with the folder only costs the compilation.
    pub(super) fn component(
        &self,
        engine: &Engine,
        sha256: &[u8; 32],
        bytes: &[u8],
    ) -> wasmtime::Result<Component> {
        let entry = self.path.join(entry_name(engine, sha256));
        if let Some(component) = read(&entry).and_then(|code| precompiled::load(engine, &code)) {
            return Ok(component);
        }
        let component = Component::new(engine, bytes)?;
        let kept = component
            .serialize()
            .map_err(|e| e.to_string())
            .and_then(|code| write(&self.path, &entry, &code).map_err(|e| e.to_string()));
        if let Err(error) = kept {
            tracing::warn!(entry = %entry.display(), %error, "the compiled plugin is not kept: it is compiled again at the next start");
        }
        Ok(component)
    }
}

/// Names what the code depends on: the component's bytes, and everything that the engine says matters.
fn entry_name(engine: &Engine, sha256: &[u8; 32]) -> String {
    struct IntoSha256(Sha256);
    impl std::hash::Hasher for IntoSha256 {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = IntoSha256(Sha256::new());
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
    let engine = hex(&hasher.0.finalize()[..8]);
    format!("{}-{engine}.cwasm", hex(sha256))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// An entry is the digest of its code, then its code.
fn read(entry: &Path) -> Option<Vec<u8>> {
    let mut code = fs::read(entry).ok()?;
    if code.len() < DIGEST_BYTES {
        return None;
    }
    let body = code.split_off(DIGEST_BYTES);
    (Sha256::digest(&body)[..] == code[..]).then_some(body)
}

fn write(folder: &Path, entry: &Path, code: &[u8]) -> std::io::Result<()> {
    // Two hosts may share the folder: each writes its own file and the last rename wins with equal content.
    let temporary = folder.join(format!(
        ".{}-{:016x}.tmp",
        std::process::id(),
        rand::random::<u64>()
    ));
    let written = (|| {
        let mut file = private_file(&temporary)?;
        file.write_all(&Sha256::digest(code))?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&temporary, entry)
    })();
    if written.is_err() {
        // It may never have come to be.
        drop(fs::remove_file(&temporary));
    }
    written
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
}

/// Makes the folder when it is not there. `Some` says what is wrong with it.
#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<Option<String>> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    if !path.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
    }
    let found = fs::symlink_metadata(path)?;
    let mode = found.mode() & 0o777;
    // A file made now belongs to the user of this process.
    let probe = path.join(format!(
        ".{}-{:016x}.probe",
        std::process::id(),
        rand::random::<u64>()
    ));
    if !found.is_dir() {
        return Ok(Some("something that is not a folder".to_owned()));
    }
    if mode & 0o077 != 0 {
        return Ok(Some(format!("mode {mode:04o}")));
    }
    let user = private_file(&probe)?.metadata()?.uid();
    fs::remove_file(&probe)?;
    Ok((found.uid() != user).then(|| format!("a folder of user {}", found.uid())))
}

#[cfg(not(unix))]
fn private(path: &Path) -> std::io::Result<Option<String>> {
    fs::create_dir_all(path)?;
    Ok(None)
}
