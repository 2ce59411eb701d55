//! A proof of one record, or of its absence, as `com.atproto.sync.getRecord` serves it.

use super::Repository;
use crate::Result;
use crate::car::Car;

impl Repository {
    /// A CAR of the commit, the nodes from the root to where the path is or would be, and the record
    /// if it is there. `None` before the first commit.
    pub fn proof(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(head) = &self.head else {
            return Ok(None);
        };
        let mut car = Car::new(head.cid, &head.block)?;
        for node in self.tree.path_to(path)? {
            car.add(node, self.node(&node)?)?;
        }
        if let Some((cid, bytes)) = self.record(path) {
            car.add(cid, bytes)?;
        }
        Ok(Some(car.finish()))
    }
}
