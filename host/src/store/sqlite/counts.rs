//! Counters that follow winning rows: net deltas, one upsert for each counter in sorted order, none left at 0.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::rows::Cell;
use super::schema::{CountTexts, TableTexts};

/// What one table's changes do to its counts.
pub(super) struct Deltas<'t, 'c> {
    counts: Vec<(&'t CountTexts, BTreeMap<Vec<Cell<'c>>, i64>)>,
}

impl<'t, 'c> Deltas<'t, 'c> {
    pub(super) fn new(table: &'t TableTexts) -> Self {
        Self {
            counts: table.counts.iter().map(|c| (c, BTreeMap::new())).collect(),
        }
    }

    /// Counts a row's kept values; a row with a null among a count's values is not counted.
    pub(super) fn add(&mut self, kept: &'c [Cell<'_>], by: i64) {
        for (count, deltas) in &mut self.counts {
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
    pub(super) async fn apply(self, c: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for (count, deltas) in self.counts {
            let moved: Vec<(Vec<Cell<'_>>, i64)> =
                deltas.into_iter().filter(|(_, n)| *n != 0).collect();
            for chunk in count.add.chunks(moved.len()) {
                let mut query = sqlx::query(count.add.text(&chunk));
                for (key, n) in &moved[chunk] {
                    for cell in key {
                        query = cell.bind(query);
                    }
                    query = query.bind(*n);
                }
                query.execute(&mut *c).await?;
            }
            let fell: Vec<&Vec<Cell<'_>>> = moved
                .iter()
                .filter(|(_, n)| *n < 0)
                .map(|(k, _)| k)
                .collect();
            for chunk in count.clear.chunks(fell.len()) {
                let mut query = sqlx::query(count.clear.text(&chunk));
                for cell in fell[chunk].iter().copied().flatten() {
                    query = cell.bind(query);
                }
                query.execute(&mut *c).await?;
            }
        }
        Ok(())
    }
}
