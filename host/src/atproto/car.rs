//! CAR slices: the blocks that a commit's frame carries, and whole small archives held in memory.
//!
//! Guarantees of a [`CarSlice`]: CARv1 with exactly one root that is among the blocks, every block is what its CID
//! names (the hash is recomputed), and no byte is left over or missing. Blocks may come in any order, more than
//! once, and without anything that links to them \[repository, "CAR File Serialization"\]. Does not look inside
//! blocks: whether they are DAG-CBOR, and whether a tree is complete, is for who reads them.

use serde::Deserialize;

use super::Cid;
use super::cbor::{self, CborError};
use super::cid::{CID_BYTES, CidError};
use crate::fault::{Class, Classify};
use crate::limits::{CAR_BLOCK_BYTES_MAX, CAR_HEADER_BYTES_MAX};

/// Why bytes are not a CAR that this host reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarError {
    /// The bytes end inside a length, the header or a block.
    #[error("at byte {at}: expected {needed} more bytes of a CAR, got {left}")]
    Cut {
        /// Where the missing bytes should begin.
        at: usize,
        /// How many are needed at least.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// A length is not a varint in its shortest form, or too large to be one.
    #[error("at byte {at}: expected a length as a varint in its shortest form")]
    Varint {
        /// Where it begins.
        at: usize,
    },
    /// The header or a block is too long.
    #[error("at byte {at}: expected at most {max} bytes in a CAR's {part}, got {got}")]
    TooLong {
        /// Where the part's length stands.
        at: usize,
        /// Which part.
        part: &'static str,
        /// The bound.
        max: usize,
        /// The declared length.
        got: u64,
    },
    /// The header is not DAG-CBOR.
    #[error("in a CAR's header: {0}")]
    HeaderCbor(#[from] CborError),
    /// The header is not that of CARv1 with one root.
    #[error("expected a CAR header of version 1 with one root, got {got}")]
    Header {
        /// What came.
        got: String,
    },
    /// A block without a CID, or with one of another kind.
    #[error("at byte {at}: {source}")]
    Cid {
        /// Where the CID begins.
        at: usize,
        /// What came.
        source: CidError,
    },
    /// A block is not what its CID names.
    #[error("at byte {at}: expected a block that hashes to {cid}, got other bytes")]
    Hash {
        /// Where the block's section begins.
        at: usize,
        /// The CID it was given under.
        cid: Cid,
    },
    /// The root is not among the blocks.
    #[error("expected the root {root} among the blocks, got none")]
    RootAbsent {
        /// The root.
        root: Cid,
    },
}

impl Classify for CarError {
    fn class(&self) -> Class {
        Class::Reject
    }
}

/// Blocks of a usual commit: itself, a record, and the tree nodes on the way to it and to its neighbours.
const BLOCKS_USUAL: usize = 16;

/// A CAR whose blocks were all hashed. Borrows the bytes it was read from.
#[derive(Debug)]
pub struct CarSlice<'a> {
    root: Cid,
    /// By CID, each once. Sorted: no hash table that chosen keys could slow down.
    blocks: Vec<(Cid, &'a [u8])>,
}

impl<'a> CarSlice<'a> {
    /// Reads a CAR and hashes every block.
    ///
    /// # Errors
    /// When the bytes are not a CARv1 with one root, are cut, or a block is not what its CID names.
    pub fn read(bytes: &'a [u8]) -> Result<Self, CarError> {
        let mut reader = Reader { bytes, at: 0 };
        let root = root(reader.section("header", CAR_HEADER_BYTES_MAX)?)?;
        let mut blocks = Vec::with_capacity(BLOCKS_USUAL);
        while reader.at < bytes.len() {
            blocks.push(reader.block()?);
        }
        blocks.sort_unstable_by_key(|(cid, _)| *cid);
        blocks.dedup_by_key(|(cid, _)| *cid);
        let slice = Self { root, blocks };
        match slice.get(&root) {
            Some(_) => Ok(slice),
            None => Err(CarError::RootAbsent { root }),
        }
    }

    /// The one root; its block is there.
    #[must_use]
    pub fn root(&self) -> Cid {
        self.root
    }

    /// A block by its CID.
    #[must_use]
    pub fn get(&self, cid: &Cid) -> Option<&'a [u8]> {
        let at = self.blocks.binary_search_by_key(cid, |(cid, _)| *cid);
        at.ok().map(|at| self.blocks[at].1)
    }

    /// How many different blocks there are; at least one, the root.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a slice is never empty")]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }
}

/// Reads the header at the start of a CAR that comes in pieces: its root, and how many bytes it took.
///
/// # Errors
/// [`CarError::Cut`] while there is more of it to come; otherwise as [`CarSlice::read`].
pub fn read_header(bytes: &[u8]) -> Result<(Cid, usize), CarError> {
    let mut reader = Reader { bytes, at: 0 };
    let root = root(reader.section("header", CAR_HEADER_BYTES_MAX)?)?;
    Ok((root, reader.at))
}

/// Reads one block of a CAR that comes in pieces and hashes it: its CID, its bytes, and how many bytes it took.
///
/// # Errors
/// See [`read_header`].
pub fn read_block(bytes: &[u8]) -> Result<(Cid, &[u8], usize), CarError> {
    let mut reader = Reader { bytes, at: 0 };
    let (cid, block) = reader.block()?;
    Ok((cid, block, reader.at))
}

/// Reads the root from a header.
fn root(header: &[u8]) -> Result<Cid, CarError> {
    #[derive(Deserialize)]
    struct Header {
        roots: Vec<Cid>,
        version: u64,
    }
    cbor::check_one(header)?;
    let header: Header = serde_ipld_dagcbor::from_slice(header)
        .map_err(|e| CarError::Header { got: e.to_string() })?;
    match (header.version, &header.roots[..]) {
        (1, [root]) => Ok(*root),
        (version, roots) => Err(CarError::Header {
            got: format!("version {version} with {} roots", roots.len()),
        }),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads a length and as many bytes.
    fn section(&mut self, part: &'static str, max: usize) -> Result<&'a [u8], CarError> {
        let at = self.at;
        let got = self.varint()?;
        let too_long = CarError::TooLong { at, part, max, got };
        let needed = usize::try_from(got).ok().filter(|len| *len <= max);
        let needed = needed.ok_or(too_long)?;
        let rest = &self.bytes[self.at..];
        let section = rest.get(..needed).ok_or(CarError::Cut {
            at: self.at,
            needed,
            left: rest.len(),
        })?;
        self.at += needed;
        Ok(section)
    }

    fn block(&mut self) -> Result<(Cid, &'a [u8]), CarError> {
        let at = self.at;
        let section = self.section("block", CID_BYTES + CAR_BLOCK_BYTES_MAX)?;
        let (cid, block) = section.split_at(section.len().min(CID_BYTES));
        let cid = Cid::from_bytes(cid).map_err(|source| CarError::Cid {
            at: self.at - section.len(),
            source,
        })?;
        if cid.matches(block) {
            Ok((cid, block))
        } else {
            Err(CarError::Hash { at, cid })
        }
    }

    /// Reads an unsigned LEB128 number of at most 9 bytes, as multiformats bounds it.
    fn varint(&mut self) -> Result<u64, CarError> {
        const VARINT_BYTES_MAX: usize = 9;
        let at = self.at;
        let mut value = 0;
        for (n, byte) in self.bytes[at..].iter().take(VARINT_BYTES_MAX).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * n);
            if byte & 0x80 == 0 {
                let shortest = n == 0 || *byte != 0;
                self.at += n + 1;
                return if shortest {
                    Ok(value)
                } else {
                    Err(CarError::Varint { at })
                };
            }
        }
        let left = self.bytes.len() - at;
        if left < VARINT_BYTES_MAX {
            Err(CarError::Cut {
                at: self.bytes.len(),
                needed: 1,
                left: 0,
            })
        } else {
            Err(CarError::Varint { at })
        }
    }
}

#[cfg(test)]
mod tests;
