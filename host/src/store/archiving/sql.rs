//! What the archive's decisions ask of a backend: loads and saves, inside one transaction that the backend began.
//!
//! Guarantees of an implementation: what was loaded stays true until the transaction ends, for the accounts of the
//! partitions that it was begun for; every save is written by a number of statements that does not grow with the
//! number of partitions or accounts beyond its chunks.

use async_trait::async_trait;

use super::RecordAt;
use super::accounts::{Account, AccountWrites};
use super::chains::{ChainState, Chains};
use super::ledger::LedgerRow;
use super::letters::Letter;
use super::records::NewState;
use super::slots::Held;
use super::standing::Standing;
use crate::atproto::{Did, Nsid};
use crate::entry::BackfillMark;
use crate::store::error::StoreError;

/// One transaction of the archive.
#[async_trait]
pub(in crate::store) trait ArchiveSql: Send {
    /// Where the partitions stand. Asked first, and given back with [`ArchiveSql::save_standing`].
    async fn standing(&mut self) -> Result<Standing, StoreError>;

    /// Writes what moved.
    async fn save_standing(&mut self, standing: Standing) -> Result<(), StoreError>;

    /// Ids of accounts, in order; makes what is missing.
    async fn dids(&mut self, dids: &[Did]) -> Result<Vec<i64>, StoreError>;

    /// Ids of accounts that have one, in order; makes nothing.
    async fn known_dids(&mut self, dids: &[Did]) -> Result<Vec<Option<i64>>, StoreError>;

    /// Ids of collections, in order; makes what is missing.
    async fn collections(&mut self, nsids: &[Nsid]) -> Result<Vec<i64>, StoreError>;

    /// What is known of the repositories of these accounts; those of which nothing is may be left out.
    async fn chains(&mut self, dids: &[i64]) -> Result<Vec<(i64, ChainState)>, StoreError>;

    /// Writes the repositories that moved or turned.
    async fn save_chains(&mut self, chains: &Chains<'_>, now_us: i64) -> Result<(), StoreError>;

    /// What upstream told of these accounts; those of which it never did are left out.
    async fn accounts(&mut self, dids: &[i64]) -> Result<Vec<(i64, Account)>, StoreError>;

    /// Writes accounts, and queues those whose visibility turned for a redo from their first record on.
    async fn save_accounts(&mut self, writes: &AccountWrites) -> Result<(), StoreError>;

    /// What the archive holds of these records, one for each; they are distinct.
    async fn held(&mut self, places: &[RecordAt]) -> Result<Vec<Held>, StoreError>;

    /// Writes records, each once, and says their ids, in order.
    async fn write_records(&mut self, states: &[NewState<'_>]) -> Result<Vec<i64>, StoreError>;

    /// Writes the erase ledger, each account once.
    async fn save_ledger(&mut self, rows: &[LedgerRow<'_>], now_us: i64) -> Result<(), StoreError>;

    /// Writes the host's dead letters; of those that are `only_new` none that says the same of the same subject as one
    /// that is there. Says how many it wrote.
    async fn write_letters(
        &mut self,
        letters: &[&Letter],
        only_new: bool,
        now_us: i64,
    ) -> Result<u64, StoreError>;

    /// Removes the host's dead letters of these subjects that have no place in the feed.
    async fn remove_letters(&mut self, subjects: &[String]) -> Result<(), StoreError>;

    /// Writes how far backfills' listings came, each job once. What has listed less than what is there is old and
    /// changes nothing.
    async fn save_backfills(
        &mut self,
        marks: &[&BackfillMark],
        now_us: i64,
    ) -> Result<(), StoreError>;
}
