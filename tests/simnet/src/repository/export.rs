//! A whole repository as a CAR, as `com.atproto.sync.getRepo` serves it.

use shrike::cbor::Cid;
use shrike::mst::node::decode_node_data;

use super::Repository;
use crate::car::Car;
use crate::{Error, Result};

impl Repository {
    /// The commit, then the tree in key order: each node before what it holds, each record where its
    /// key is, so that a reader can check the CAR as it streams. `None` before the first commit.
    pub fn export(&self) -> Result<Option<Vec<u8>>> {
        let Some(head) = &self.head else {
            return Ok(None);
        };
        let mut car = Car::new(head.cid, &head.block)?;
        self.export_node(&mut car, head.data)?;
        Ok(Some(car.finish()))
    }

    fn export_node(&self, car: &mut Car, cid: Cid) -> Result<()> {
        let block = self.node(&cid)?;
        car.add(cid, block)?;
        let node = decode_node_data(block)?;
        if let Some(left) = node.left {
            self.export_node(car, left)?;
        }
        let mut key = Vec::new();
        for entry in node.entries {
            key.truncate(entry.prefix_len);
            key.extend_from_slice(&entry.key_suffix);
            let path = String::from_utf8_lossy(&key);
            let record = self.entry(&path).ok_or_else(|| {
                Error::Inconsistent(format!("{}: record {path} is in the tree alone", self.did))
            })?;
            car.add(entry.value, record)?;
            if let Some(right) = entry.right {
                self.export_node(car, right)?;
            }
        }
        Ok(())
    }
}
