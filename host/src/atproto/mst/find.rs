//! One path looked up in a tree, or in the part of one that proves its record or its absence.

use super::MstError;
use super::node::Node;
use crate::atproto::Cid;

/// The record that a tree has under a path; none when the tree proves that there is none.
///
/// # Errors
/// When a node on the way is not one, or its block is absent.
pub fn find<'a>(
    blocks: impl Fn(&Cid) -> Option<&'a [u8]>,
    root: Cid,
    path: &str,
) -> Result<Option<Cid>, MstError> {
    let (mut next, mut layer, mut found) = (Some(root), None, None);
    while let Some(cid) = next.take() {
        let node_error = |source| MstError::Node { node: cid, source };
        let block = blocks(&cid).ok_or(MstError::Incomplete { node: cid })?;
        let mut node = Node::open(block, layer).map_err(node_error)?;
        let mut is_after = false;
        // To its end, also behind the path: only then the node is known to be one.
        loop {
            let gap = node.take_gap();
            if !is_after {
                (next, layer) = gap.map(|gap| (gap.cid, gap.layer)).unzip();
            }
            let Some((key, record)) = node.key() else {
                break;
            };
            if key == path.as_bytes() {
                found = Some(record);
            }
            is_after |= key >= path.as_bytes();
            node.advance().map_err(node_error)?;
        }
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}
