//! A whole repository's CAR as it comes: hashed, indexed, kept in memory while small and in a nameless file beyond.
//!
//! Guarantees: every block that can be asked for hashes to its CID; memory is bounded by a fixed amount and some 60
//! bytes for each block, whatever the sender does. Blocks may come in any order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use super::error::ResyncError;
use crate::atproto::Cid;
use crate::atproto::car::{self, CarError};
use crate::limits;

/// Where a block is.
#[derive(Clone, Copy)]
struct Place {
    at: u64,
    bytes: u32,
}

/// A CAR that is still coming.
pub(super) struct CarWriter {
    root: Option<Cid>,
    /// What came and is not a whole section yet.
    rest: Vec<u8>,
    file: SpooledTempFile,
    written_bytes: u64,
    places: HashMap<Cid, Place>,
}

impl CarWriter {
    pub(super) fn new() -> Self {
        Self {
            root: None,
            rest: Vec::new(),
            file: SpooledTempFile::new(limits::REPO_MEMORY_BYTES_MAX),
            written_bytes: 0,
            places: HashMap::new(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are not the next of a CAR, or there are too many blocks.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), ResyncError> {
        self.rest.extend_from_slice(chunk);
        let rest = std::mem::take(&mut self.rest);
        let mut used = 0;
        loop {
            match self.section(&rest[used..]) {
                Ok(0) => break,
                Ok(bytes) => used += bytes,
                Err(ResyncError::Car(CarError::Cut { .. })) => break,
                Err(error) => return Err(error),
            }
        }
        self.rest = rest;
        self.rest.drain(..used);
        Ok(())
    }

    /// Takes one section; how many bytes it took.
    fn section(&mut self, bytes: &[u8]) -> Result<usize, ResyncError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.root.is_none() {
            let (root, used) = car::read_header(bytes)?;
            self.root = Some(root);
            return Ok(used);
        }
        let (cid, block, used) = car::read_block(bytes)?;
        if self.places.len() >= limits::REPO_BLOCKS_MAX {
            return Err(ResyncError::Blocks);
        }
        let place = Place {
            at: self.written_bytes,
            bytes: u32::try_from(block.len()).unwrap_or(u32::MAX),
        };
        if let std::collections::hash_map::Entry::Vacant(entry) = self.places.entry(cid) {
            self.file.write_all(block)?;
            self.written_bytes += block.len() as u64;
            entry.insert(place);
        }
        Ok(used)
    }

    /// The whole CAR.
    ///
    /// # Errors
    /// When it ended inside a section.
    pub(super) fn finish(self) -> Result<CarFile, ResyncError> {
        let cut = CarError::Cut {
            at: 0,
            needed: 1,
            left: self.rest.len(),
        };
        match self.root {
            Some(root) if self.rest.is_empty() => Ok(CarFile {
                root,
                places: self.places,
                file: RefCell::new(self.file),
            }),
            _ => Err(cut.into()),
        }
    }
}

/// A CAR that came whole.
pub(super) struct CarFile {
    pub(super) root: Cid,
    places: HashMap<Cid, Place>,
    file: RefCell<SpooledTempFile>,
}

impl CarFile {
    /// Whether a block is there.
    pub(super) fn has(&self, cid: &Cid) -> bool {
        self.places.contains_key(cid)
    }

    /// Reads a block.
    pub(super) fn block(&self, cid: &Cid) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = self.places.get(cid) else {
            return Ok(None);
        };
        let mut block = vec![0; place.bytes as usize];
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(place.at))?;
        file.read_exact(&mut block)?;
        Ok(Some(block))
    }
}
