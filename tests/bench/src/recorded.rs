//! Frames with the DID documents that verify them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use aviary::atproto::{Did, DidDocument, PublicKey};
use aviary_tests::recording::Recording;
use serde_json::Value;

/// Frames on disk.
pub(crate) struct Recorded {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// (u32 big-endian length, message), repeated.
    pub(crate) frames: PathBuf,
    /// DID documents by DID.
    pub(crate) identities: PathBuf,
    /// Where both are, if they go with it.
    _dir: Option<tempfile::TempDir>,
}

/// `frames.bin` and `plc.json` of a folder.
pub(crate) fn of_folder(name: &'static str, dir: &Path) -> anyhow::Result<Recorded> {
    // Programs that read them run in folders of their own.
    let dir = std::path::absolute(dir)?;
    let (frames, identities) = (dir.join("frames.bin"), dir.join("plc.json"));
    for path in [&frames, &identities] {
        ensure!(path.exists(), "expected {}", path.display());
    }
    Ok(Recorded {
        name,
        frames,
        identities,
        _dir: None,
    })
}

/// What a real PDS emitted, where the shared data is there.
pub(crate) fn medium() -> anyhow::Result<Option<Recorded>> {
    let Some(recording) = Recording::shared("medium") else {
        return Ok(None);
    };
    let dir = tempfile::tempdir()?;
    let identities = dir.path().join("plc.json");
    std::fs::write(&identities, serde_json::to_vec(&recording.plc())?)?;
    Ok(Some(Recorded {
        name: "recorded from a PDS",
        frames: recording.frames_file(dir.path()),
        identities,
        _dir: Some(dir),
    }))
}

impl Recorded {
    /// Every message.
    pub(crate) fn messages(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let bytes = std::fs::read(&self.frames)?;
        let (mut rest, mut messages) = (&bytes[..], Vec::new());
        while let Some((head, tail)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*head) as usize;
            let (message, tail) = tail
                .split_at_checked(length)
                .context("expected whole frames")?;
            messages.push(message.to_vec());
            rest = tail;
        }
        Ok(messages)
    }

    /// The signing key of each account, as it is at the end.
    pub(crate) fn keys(&self) -> anyhow::Result<BTreeMap<Did, PublicKey>> {
        let bytes = std::fs::read(&self.identities)?;
        let dumped: BTreeMap<String, Value> = serde_json::from_slice(&bytes)?;
        let mut keys = BTreeMap::new();
        for (did, entry) in dumped {
            let did = Did::parse(&did)?;
            let document = DidDocument::parse(entry["doc"].to_string().as_bytes(), &did)?;
            if let Ok(key) = document.signing_key {
                keys.insert(did, key);
            }
        }
        Ok(keys)
    }
}
