//! The host consumer's transaction in Postgres: the statements behind [`crate::store::archiving`], each over all rows
//! of a unit at once.
//!
//! Guarantees: it holds its partitions' rows from the first read on, so that what it decides by stays true; rows are
//! written in the order of their keys.

mod accounts;
mod chains;
mod held;
mod ledger;
mod letters;
mod records;

use async_trait::async_trait;

use super::transaction::Transaction;
use super::{backfill, standing};
use crate::atproto::{Did, Nsid};
use crate::entry::{BackfillMark, Partition};
use crate::store::archive::{ArchiveUnit, Archived};
use crate::store::archiving::accounts::{Account, AccountWrites};
use crate::store::archiving::chains::{ChainState, Chains};
use crate::store::archiving::ledger::LedgerRow;
use crate::store::archiving::letters::Letter;
use crate::store::archiving::records::NewState;
use crate::store::archiving::slots::Held;
use crate::store::archiving::sql::ArchiveSql;
use crate::store::archiving::standing::Standing;
use crate::store::archiving::{self, RecordAt};
use crate::store::error::StoreError;

/// Applies a unit inside a transaction that has written nothing.
pub(super) async fn apply(
    tx: &mut Transaction<'_>,
    partitions: u16,
    unit: &ArchiveUnit,
) -> Result<Archived, StoreError> {
    // A number that no partition has is refused when its pos is taken.
    let own: Vec<Partition> = archiving::partitions(unit)
        .into_iter()
        .filter(|part| *part < partitions)
        .collect();
    tx.hold(&own).await?;
    standing::lock(tx.c(), &own).await?;
    archiving::apply(&mut Archive { tx, partitions }, unit).await
}

struct Archive<'t, 's> {
    tx: &'t mut Transaction<'s>,
    partitions: u16,
}

#[async_trait]
impl ArchiveSql for Archive<'_, '_> {
    async fn standing(&mut self) -> Result<Standing, StoreError> {
        standing::load(self.tx.c(), self.partitions).await
    }

    async fn save_standing(&mut self, mut standing: Standing) -> Result<(), StoreError> {
        Ok(standing::save(self.tx.c(), &mut standing).await?)
    }

    async fn dids(&mut self, dids: &[Did]) -> Result<Vec<i64>, StoreError> {
        let (c, ids) = self.tx.parts();
        Ok(ids.dids(c, dids).await?)
    }

    async fn known_dids(&mut self, dids: &[Did]) -> Result<Vec<Option<i64>>, StoreError> {
        let (c, ids) = self.tx.parts();
        Ok(ids.known_dids(c, dids).await?)
    }

    async fn collections(&mut self, nsids: &[Nsid]) -> Result<Vec<i64>, StoreError> {
        let (c, ids) = self.tx.parts();
        Ok(ids.collections(c, nsids).await?)
    }

    async fn chains(&mut self, dids: &[i64]) -> Result<Vec<(i64, ChainState)>, StoreError> {
        chains::load(self.tx.c(), dids).await
    }

    async fn save_chains(&mut self, chains: &Chains<'_>, now_us: i64) -> Result<(), StoreError> {
        Ok(chains::save(self.tx.c(), chains, now_us).await?)
    }

    async fn accounts(&mut self, dids: &[i64]) -> Result<Vec<(i64, Account)>, StoreError> {
        Ok(accounts::load(self.tx.c(), dids).await?)
    }

    async fn save_accounts(&mut self, writes: &AccountWrites) -> Result<(), StoreError> {
        Ok(accounts::save(self.tx.c(), writes).await?)
    }

    async fn held(&mut self, places: &[RecordAt]) -> Result<Vec<Held>, StoreError> {
        held::load(self.tx.c(), places).await
    }

    async fn write_records(&mut self, states: &[NewState<'_>]) -> Result<Vec<i64>, StoreError> {
        let (c, ids) = self.tx.parts();
        records::write(c, ids, states).await
    }

    async fn save_ledger(&mut self, rows: &[LedgerRow<'_>], now_us: i64) -> Result<(), StoreError> {
        Ok(ledger::save(self.tx.c(), rows, now_us).await?)
    }

    async fn write_letters(
        &mut self,
        letters: &[&Letter],
        only_new: bool,
        now_us: i64,
    ) -> Result<u64, StoreError> {
        Ok(letters::write(self.tx.c(), letters, only_new, now_us).await?)
    }

    async fn remove_letters(&mut self, subjects: &[String]) -> Result<(), StoreError> {
        Ok(letters::remove(self.tx.c(), subjects).await?)
    }

    async fn save_backfills(
        &mut self,
        marks: &[&BackfillMark],
        now_us: i64,
    ) -> Result<(), StoreError> {
        Ok(backfill::save(self.tx.c(), marks, now_us).await?)
    }
}
