//! A repository's Merkle search tree: grown by its changes, or built anew when it holds keys that no
//! sound tree has.
//!
//! A grown tree encodes only the nodes that a commit changes. Its library refuses keys that are no
//! paths; a repository that is to hold one is built from all its entries at each commit instead,
//! which is slow and meant for small repositories.

use std::collections::{BTreeMap, HashMap, HashSet};

use shrike::cbor::{Cid, Codec};
use shrike::mst::node::{EntryData, NodeData, encode_node_data};
use shrike::mst::{DetachedTree, NoBlocks, TreeWrite, height_for_key};

use crate::Result;

/// A tree of paths and the CIDs of their records.
pub(crate) enum Tree {
    Grown(DetachedTree),
    Built(BTreeMap<String, Cid>),
}

impl Tree {
    pub(crate) fn new() -> Tree {
        Tree::Grown(DetachedTree::new())
    }

    /// From now on any key goes: the tree is built anew at each flush.
    pub(crate) fn take_any_key(&mut self) -> Result<()> {
        if let Tree::Grown(tree) = self {
            let entries = tree.entries(&NoBlocks)?;
            *self = Tree::Built(entries.into_iter().collect());
        }
        Ok(())
    }

    /// Sets a path's CID and gives the one before.
    pub(crate) fn insert(&mut self, path: &str, cid: Cid) -> Result<Option<Cid>> {
        match self {
            Tree::Grown(tree) => Ok(tree.insert(&NoBlocks, path.to_owned(), cid)?),
            Tree::Built(entries) => Ok(entries.insert(path.to_owned(), cid)),
        }
    }

    /// Takes a path out and gives its CID.
    pub(crate) fn remove(&mut self, path: &str) -> Result<Option<Cid>> {
        match self {
            Tree::Grown(tree) => Ok(tree.remove(&NoBlocks, path)?),
            Tree::Built(entries) => Ok(entries.remove(path)),
        }
    }

    /// The nodes that are new beside the `known` ones, and those of them that are gone.
    pub(crate) fn flush(&mut self, known: &HashMap<Cid, Vec<u8>>) -> Result<TreeWrite> {
        match self {
            Tree::Grown(tree) => Ok(tree.flush()?),
            Tree::Built(entries) => {
                let (root, mut new_blocks) = built(entries)?;
                let now: HashSet<Cid> = new_blocks.iter().map(|(cid, _)| *cid).collect();
                new_blocks.retain(|(cid, _)| !known.contains_key(cid));
                let retired = known.keys().filter(|cid| !now.contains(cid));
                Ok(TreeWrite {
                    root,
                    new_blocks,
                    retired: retired.copied().collect(),
                })
            }
        }
    }

    /// The nodes that undoing operations on these paths needs, after a flush. Of a built tree all.
    pub(crate) fn covering<'k>(
        &mut self,
        paths: impl IntoIterator<Item = &'k str>,
    ) -> Result<Vec<Cid>> {
        match self {
            Tree::Grown(tree) => Ok(tree.covering_proof(&NoBlocks, paths)?),
            Tree::Built(entries) => all_nodes(entries),
        }
    }

    /// The nodes from the root to where a path is or would be, after a flush. Of a built tree all.
    pub(crate) fn path_to(&self, path: &str) -> Result<Vec<Cid>> {
        match self {
            Tree::Grown(tree) => {
                let mut nodes = Vec::new();
                tree.search_path(&NoBlocks, path, &mut nodes)?;
                Ok(nodes)
            }
            Tree::Built(entries) => all_nodes(entries),
        }
    }
}

fn all_nodes(entries: &BTreeMap<String, Cid>) -> Result<Vec<Cid>> {
    let (_, blocks) = built(entries)?;
    Ok(blocks.into_iter().map(|(cid, _)| cid).collect())
}

type Blocks = Vec<(Cid, Vec<u8>)>;
type Entry<'a> = (&'a str, Cid, u8);

/// The root and every node of the tree of `entries`.
fn built(entries: &BTreeMap<String, Cid>) -> Result<(Cid, Blocks)> {
    let all: Vec<Entry<'_>> = entries
        .iter()
        .map(|(key, cid)| (key.as_str(), *cid, height_for_key(key)))
        .collect();
    let top = all.iter().map(|(.., height)| *height).max().unwrap_or(0);
    let mut blocks = Vec::new();
    let root = match node(&all, top, &mut blocks)? {
        Some(root) => root,
        None => write(Vec::new(), None, &mut blocks)?,
    };
    Ok((root, blocks))
}

/// The node at `height` over `all`; none when there is nothing.
fn node(all: &[Entry<'_>], height: u8, blocks: &mut Blocks) -> Result<Option<Cid>> {
    if all.is_empty() {
        return Ok(None);
    }
    let here: Vec<usize> = (0..all.len()).filter(|at| all[*at].2 == height).collect();
    let first = here.first().copied().unwrap_or(all.len());
    let left = below(&all[..first], height, blocks)?;
    let mut entries = Vec::with_capacity(here.len());
    let mut before: &[u8] = b"";
    for (index, at) in here.iter().enumerate() {
        let next = here.get(index + 1).copied().unwrap_or(all.len());
        let (key, value, _) = all[*at];
        let shared = before.iter().zip(key.as_bytes());
        let prefix_len = shared.take_while(|(a, b)| a == b).count();
        entries.push(EntryData {
            prefix_len,
            key_suffix: key.as_bytes()[prefix_len..].to_vec(),
            value,
            right: below(&all[at + 1..next], height, blocks)?,
        });
        before = key.as_bytes();
    }
    write(entries, left, blocks).map(Some)
}

fn below(part: &[Entry<'_>], height: u8, blocks: &mut Blocks) -> Result<Option<Cid>> {
    match height {
        0 => Ok(None),
        _ => node(part, height - 1, blocks),
    }
}

fn write(entries: Vec<EntryData>, left: Option<Cid>, blocks: &mut Blocks) -> Result<Cid> {
    let block = encode_node_data(&NodeData { left, entries })?;
    let cid = Cid::compute(Codec::Drisl, &block);
    blocks.push((cid, block));
    Ok(cid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_tree_is_the_grown_one() {
        let mut grown = Tree::new();
        let mut nodes = HashMap::new();
        for number in 0..700 {
            let cid = Cid::compute(Codec::Drisl, format!("{number}").as_bytes());
            grown
                .insert(&format!("a.b.c/{}", number * 7_919 % 1_000), cid)
                .unwrap();
        }
        let write = grown.flush(&nodes).unwrap();
        nodes.extend(write.new_blocks);
        grown.take_any_key().unwrap();
        let again = grown.flush(&nodes).unwrap();
        assert_eq!(again.root, write.root);
        assert!(again.new_blocks.is_empty() && again.retired.is_empty());
    }

    #[test]
    fn a_built_tree_takes_any_key_and_lets_it_go() {
        let mut tree = Tree::new();
        let mut nodes = HashMap::new();
        let cid = Cid::compute(Codec::Drisl, b"\xa0");
        tree.insert("a.b.c/one", cid).unwrap();
        let before = tree.flush(&nodes).unwrap();
        nodes.extend(before.new_blocks);
        tree.take_any_key().unwrap();
        assert_eq!(tree.insert("no slash, $", cid).unwrap(), None);
        let with = tree.flush(&nodes).unwrap();
        assert!(with.root != before.root && !with.new_blocks.is_empty());
        assert_eq!(tree.remove("no slash, $").unwrap(), Some(cid));
        assert_eq!(tree.flush(&nodes).unwrap().root, before.root);
    }
}
