//! Where the partitions stand: the last pos and each source's mark.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row as _, SqliteConnection};

use super::bulk;
use crate::entry::{Partition, Source};
use crate::store::archive::{Heads, PartitionHead};
use crate::store::error::StoreError;
use crate::store::feed::Pos;

/// All partitions' heads and marks, as of the transaction that holds them.
#[derive(Debug)]
pub(super) struct Standing {
    pos: Vec<Pos>,
    marks: BTreeMap<Source, Vec<Option<i64>>>,
    moved: BTreeSet<Partition>,
    marked: BTreeSet<(Source, Partition)>,
}

impl Standing {
    /// Reads them all.
    pub(super) async fn load(
        c: &mut SqliteConnection,
        partitions: u16,
    ) -> Result<Self, sqlx::Error> {
        let mut standing = Self {
            pos: vec![0; usize::from(partitions)],
            marks: BTreeMap::new(),
            moved: BTreeSet::new(),
            marked: BTreeSet::new(),
        };
        for row in sqlx::query("select part, pos from partition")
            .fetch_all(&mut *c)
            .await?
        {
            if let Some(pos) = standing.pos.get_mut(usize::from(row.try_get::<u16, _>(0)?)) {
                *pos = row.try_get(1)?;
            }
        }
        for row in sqlx::query("select source, part, seq from mark")
            .fetch_all(&mut *c)
            .await?
        {
            let source = Source(row.try_get::<String, _>(0)?.into());
            let part = usize::from(row.try_get::<u16, _>(1)?);
            if let Some(seq) = standing.marks_of(source).get_mut(part) {
                *seq = Some(row.try_get(2)?);
            }
        }
        Ok(standing)
    }

    fn marks_of(&mut self, source: Source) -> &mut Vec<Option<i64>> {
        let partitions = self.pos.len();
        self.marks
            .entry(source)
            .or_insert_with(|| vec![None; partitions])
    }

    /// A partition's last pos.
    pub(super) fn pos(&self, partition: Partition) -> Pos {
        self.pos.get(usize::from(partition)).copied().unwrap_or(0)
    }

    /// Takes the next pos of a partition.
    pub(super) fn take(&mut self, partition: Partition) -> Result<Pos, StoreError> {
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
    pub(super) fn lowest(&self, source: &Source) -> Option<i64> {
        let marks = self.marks.get(source)?;
        marks.iter().copied().min().flatten()
    }

    /// As the outside sees it.
    pub(super) fn heads(&self) -> Heads {
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

    /// Writes what moved since the last time.
    pub(super) async fn save(&mut self, c: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let moved: Vec<Partition> = std::mem::take(&mut self.moved).into_iter().collect();
        for range in bulk::chunks(moved.len()) {
            let sql = bulk::values(
                "insert into partition (part, pos) values ",
                "(?,?)",
                range.len(),
                " on conflict (part) do update set pos = excluded.pos",
            );
            let mut query = sqlx::query(sql);
            for part in &moved[range] {
                query = query.bind(*part).bind(self.pos(*part));
            }
            query.execute(&mut *c).await?;
        }
        let marked: Vec<(Source, Partition)> =
            std::mem::take(&mut self.marked).into_iter().collect();
        for range in bulk::chunks(marked.len()) {
            let sql = bulk::values(
                "insert into mark (source, part, seq) values ",
                "(?,?,?)",
                range.len(),
                " on conflict (source, part) do update set seq = excluded.seq",
            );
            let mut query = sqlx::query(sql);
            for (source, part) in &marked[range] {
                let seq = self.marks.get(source).and_then(|m| m[usize::from(*part)]);
                query = query.bind(source.0.to_string()).bind(*part).bind(seq);
            }
            query.execute(&mut *c).await?;
        }
        Ok(())
    }
}
