//! Where the partitions stand: the last pos and each source's mark.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::{Partition, Source};
use crate::store::archive::{Heads, PartitionHead};
use crate::store::error::StoreError;
use crate::store::feed::Pos;

/// All partitions' heads and marks, as of the transaction that holds them.
#[derive(Debug)]
pub(in crate::store) struct Standing {
    pos: Vec<Pos>,
    marks: BTreeMap<Source, Vec<Option<i64>>>,
    moved: BTreeSet<Partition>,
    marked: BTreeSet<(Source, Partition)>,
}

impl Standing {
    /// Of a store in which nothing has happened.
    pub(in crate::store) fn new(partitions: u16) -> Self {
        Self {
            pos: vec![0; usize::from(partitions)],
            marks: BTreeMap::new(),
            moved: BTreeSet::new(),
            marked: BTreeSet::new(),
        }
    }

    /// A partition's last pos as it was read.
    pub(in crate::store) fn held_pos(&mut self, partition: Partition, pos: Pos) {
        if let Some(held) = self.pos.get_mut(usize::from(partition)) {
            *held = pos;
        }
    }

    /// A mark as it was read.
    pub(in crate::store) fn held_mark(&mut self, source: Source, partition: Partition, seq: i64) {
        if let Some(held) = self.marks_of(source).get_mut(usize::from(partition)) {
            *held = Some(seq);
        }
    }

    fn marks_of(&mut self, source: Source) -> &mut Vec<Option<i64>> {
        let partitions = self.pos.len();
        self.marks
            .entry(source)
            .or_insert_with(|| vec![None; partitions])
    }

    /// A partition's last pos.
    pub(in crate::store) fn pos(&self, partition: Partition) -> Pos {
        self.pos.get(usize::from(partition)).copied().unwrap_or(0)
    }

    /// Takes the next pos of a partition.
    pub(in crate::store) fn take(&mut self, partition: Partition) -> Result<Pos, StoreError> {
        let partitions = self.pos.len();
        let pos = self.pos.get_mut(usize::from(partition)).ok_or_else(|| {
            StoreError::Refused(format!(
                "expected a partition below {partitions}, got {partition}"
            ))
        })?;
        *pos += 1;
        self.moved.insert(partition);
        Ok(*pos)
    }

    /// Moves a mark forward. A mark never falls: what an earlier one covered stays durable.
    pub(super) fn mark(&mut self, source: &Source, partition: Partition, seq: i64) {
        if let Some(old) = self
            .marks_of(source.clone())
            .get_mut(usize::from(partition))
            && old.is_none_or(|old| old < seq)
        {
            *old = Some(seq);
            self.marked.insert((source.clone(), partition));
        }
    }

    /// A partition's mark of a source.
    pub(super) fn marked(&self, source: &Source, partition: Partition) -> Option<i64> {
        let marks = self.marks.get(source)?;
        marks.get(usize::from(partition)).copied().flatten()
    }

    /// The lowest mark over all partitions; none while a partition has none.
    pub(in crate::store) fn lowest(&self, source: &Source) -> Option<i64> {
        let marks = self.marks.get(source)?;
        marks.iter().copied().min().flatten()
    }

    /// As the outside sees it.
    pub(in crate::store) fn heads(&self) -> Heads {
        let partitions = (0..self.pos.len())
            .map(|part| PartitionHead {
                pos: self.pos[part],
                marks: self
                    .marks
                    .iter()
                    .filter_map(|(source, seqs)| Some((source.clone(), seqs[part]?)))
                    .collect(),
            })
            .collect();
        Heads { partitions }
    }

    /// The partitions that moved since the last time, with their last pos.
    pub(in crate::store) fn take_moved(&mut self) -> Vec<(Partition, Pos)> {
        let moved = std::mem::take(&mut self.moved);
        moved
            .into_iter()
            .map(|part| (part, self.pos(part)))
            .collect()
    }

    /// The marks that moved since the last time, by source and partition.
    pub(in crate::store) fn take_marked(&mut self) -> Vec<(Source, Partition, i64)> {
        let marked = std::mem::take(&mut self.marked).into_iter();
        marked
            .filter_map(|(source, part)| {
                let seq = self.marked(&source, part)?;
                Some((source, part, seq))
            })
            .collect()
    }
}
