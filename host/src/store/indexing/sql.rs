//! What a backend brings to a unit: its statements, and nothing that decides.
//!
//! Guarantees: none; each method says what its statement does. Lists may be long: a backend cuts them as it needs.
//! Tables are meant by their ordinal in the manifest, counts by their ordinal among those of their table.

use async_trait::async_trait;

use super::claims::{Key, Rival};
use super::counts::Counter;
use super::letters::Letter;
use super::replace::{New, Old};
use crate::atproto::{AtUri, Did};
use crate::entry::Partition;
use crate::store::feed::Pos;

/// The statements of one generation in one transaction.
#[async_trait]
pub(in crate::store) trait IndexSql: Send {
    /// Records' ids as this backend's statements take them: made once, used for each table.
    type Records: Send + Sync;

    /// Where the generation stands in these partitions at least. What is read stays until the transaction ends.
    async fn positions(&mut self, of: &[Partition]) -> Result<Vec<(Partition, Pos)>, sqlx::Error>;

    /// Sets positions, one for each partition.
    async fn stand_at(&mut self, at: &[(Partition, Pos)]) -> Result<(), sqlx::Error>;

    /// Which of these accounts are hidden.
    async fn hidden(&mut self, accounts: &[i64]) -> Result<Vec<i64>, sqlx::Error>;

    /// Ids in the order of the question; makes what is missing.
    async fn ids(
        &mut self,
        dids: &[Did],
        uris: &[AtUri],
    ) -> Result<(Vec<i64>, Vec<i64>), sqlx::Error>;

    /// Begins what may be undone.
    async fn attempt(&mut self) -> Result<(), sqlx::Error>;

    /// Keeps what was done since [`IndexSql::attempt`].
    async fn keep(&mut self) -> Result<(), sqlx::Error>;

    /// Undoes it; the transaction lives on.
    async fn undo(&mut self) -> Result<(), sqlx::Error>;

    /// Whether an error says that the values handed in are not acceptable, so that [`IndexSql::undo`] helps.
    fn is_about_values(error: &sqlx::Error) -> bool;

    /// See [`IndexSql::Records`].
    fn records(ids: &[i64]) -> Self::Records;

    /// Removes the rows of records; gives what is kept of each, nothing when nothing is.
    async fn remove(
        &mut self,
        table: usize,
        records: &Self::Records,
    ) -> Result<Vec<Old>, sqlx::Error>;

    /// All stored claims on these keys.
    async fn rivals(&mut self, table: usize, keys: &[Key<'_>]) -> Result<Vec<Rival>, sqlx::Error>;

    /// Makes losers of the stored claims that win, and winners of those that lose.
    async fn turn(&mut self, table: usize, claims: &[&Rival]) -> Result<(), sqlx::Error>;

    /// Writes rows.
    async fn insert(&mut self, table: usize, rows: &[New<'_>]) -> Result<(), sqlx::Error>;

    /// Adds to counters, and makes those that are not there. In the order of their values, each once.
    async fn add(
        &mut self,
        table: usize,
        count: usize,
        counters: &[Counter<'_>],
    ) -> Result<(), sqlx::Error>;

    /// Removes those of the counters that stand at 0.
    async fn clear(
        &mut self,
        table: usize,
        count: usize,
        counters: &[&Counter<'_>],
    ) -> Result<(), sqlx::Error>;

    /// Removes the dead letters of records and writes new ones, at `at_us` microseconds since 1970.
    async fn letters(
        &mut self,
        records: &Self::Records,
        letters: &[Letter<'_>],
        at_us: i64,
    ) -> Result<(), sqlx::Error>;
}
