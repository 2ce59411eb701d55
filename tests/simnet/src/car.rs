//! CAR files: slices for commits and whole repositories.

use std::collections::HashSet;

use shrike::car::{BlockRef, Writer};
use shrike::cbor::Cid;

use crate::Result;

/// Collects blocks once each into a CAR.
pub(crate) struct Car {
    writer: Writer<Vec<u8>>,
    seen: HashSet<Cid>,
}

impl Car {
    /// A CAR with one root, whose block is the first.
    pub(crate) fn new(root: Cid, block: &[u8]) -> Result<Car> {
        let mut car = Car {
            writer: Writer::new(Vec::with_capacity(2_048), &[root])?,
            seen: HashSet::new(),
        };
        car.add(root, block)?;
        Ok(car)
    }

    /// Adds a block unless it is there.
    pub(crate) fn add(&mut self, cid: Cid, data: &[u8]) -> Result<()> {
        if self.seen.insert(cid) {
            self.writer.write_block_ref(BlockRef { cid, data })?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.writer.finish()
    }
}
