//! Recordings of a real network and their true final state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{place, shared_data};

/// By DID, what the PDS reported at the end.
pub type Truth = BTreeMap<String, Account>;

/// One account's true state.
#[derive(Debug, Deserialize)]
pub struct Account {
    /// `active`, `deactivated`, …
    pub status: String,
    /// By collection and record key.
    #[serde(default)]
    pub collections: BTreeMap<String, BTreeMap<String, Record>>,
}

/// One record.
#[derive(Debug, Deserialize)]
pub struct Record {
    /// Its CID.
    pub cid: String,
    /// Its value as atproto JSON.
    pub value: serde_json::Value,
}

/// A recording's folder.
#[derive(Debug)]
pub struct Recording(PathBuf);

impl Recording {
    /// The vendored one.
    #[must_use]
    pub fn small() -> Self {
        Self(place::root().join("tests/fixtures/recording-small"))
    }

    /// One in the shared data, if that is here.
    #[must_use]
    pub fn shared(name: &str) -> Option<Self> {
        shared_data::path(&format!("recordings/{name}")).map(Self)
    }

    /// Its frames, decompressed.
    ///
    /// # Panics
    /// When the file is not there or not zstd.
    #[must_use]
    pub fn frames(&self) -> Vec<u8> {
        shared_data::decompressed(&self.0.join("frames.bin.zst"))
    }

    /// Its frames as a file in `dir`.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn frames_file(&self, dir: &Path) -> PathBuf {
        let path = dir.join("frames.bin");
        std::fs::write(&path, self.frames()).expect("a frames file");
        path
    }

    /// Its true final state.
    ///
    /// # Panics
    /// When the file is not there or not what it should be.
    #[must_use]
    pub fn truth(&self) -> Truth {
        serde_json::from_slice(&shared_data::decompressed(&self.0.join("truth.json.zst")))
            .expect("truth.json")
    }

    /// What the directory knew, by DID: `doc`, `data` and `audit`.
    ///
    /// # Panics
    /// When the file is not there or not what it should be.
    #[must_use]
    pub fn plc(&self) -> BTreeMap<String, serde_json::Value> {
        serde_json::from_slice(&shared_data::decompressed(&self.0.join("plc.json.zst")))
            .expect("plc.json")
    }
}
