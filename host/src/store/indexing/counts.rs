//! Counters that follow winning rows: net deltas, one step for each counter in sorted order, none left at 0.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::shape::TableShape;
use super::sql::IndexSql;

/// A counter's values, and what is added to it.
pub(in crate::store) type Counter<'c> = (Vec<Cell<'c>>, i64);

/// What one table's changes do to its counts.
pub(super) struct Deltas<'t, 'c> {
    table: &'t TableShape,
    /// By the count's ordinal. Sorted: two transactions that move the same counters never wait in a circle.
    counts: Vec<BTreeMap<Vec<Cell<'c>>, i64>>,
}

impl<'t, 'c> Deltas<'t, 'c> {
    pub(super) fn new(table: &'t TableShape) -> Self {
        Self {
            table,
            counts: table.counts.iter().map(|_| BTreeMap::new()).collect(),
        }
    }

    /// Counts a row's kept values; a row with a null among a count's values is not counted.
    pub(super) fn add(&mut self, kept: &'c [Cell<'_>], by: i64) {
        for (count, deltas) in self.table.counts.iter().zip(&mut self.counts) {
            let key: Option<Vec<Cell<'c>>> = count
                .by
                .iter()
                .map(|at| kept.get(*at).filter(|c| **c != Cell::Null))
                .map(|cell| cell.map(Cell::borrowed))
                .collect();
            if let Some(key) = key {
                *deltas.entry(key).or_insert(0) += by;
            }
        }
    }

    /// Writes the counters that moved.
    pub(super) async fn apply<S: IndexSql>(
        self,
        sql: &mut S,
        table: usize,
    ) -> Result<(), sqlx::Error> {
        for (count, deltas) in self.counts.into_iter().enumerate() {
            let moved: Vec<Counter<'_>> = deltas.into_iter().filter(|(_, n)| *n != 0).collect();
            if moved.is_empty() {
                continue;
            }
            sql.add(table, count, &moved).await?;
            let fell: Vec<&Counter<'_>> = moved.iter().filter(|(_, n)| *n < 0).collect();
            if !fell.is_empty() {
                sql.clear(table, count, &fell).await?;
            }
        }
        Ok(())
    }
}
