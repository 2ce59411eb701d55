//! The host consumer's transaction in the file: the statements behind [`crate::store::archiving`], and what the writer
//! remembers so as not to read it again.

mod accounts;
mod chains;
mod held;
mod ledger;
mod letters;
mod records;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::memory::Memory;
use super::{backfill, standing};
use crate::atproto::{Did, Nsid};
use crate::entry::BackfillMark;
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

/// Applies a unit inside the caller's transaction. After an error the caller forgets what it remembers.
pub(super) async fn apply(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    unit: &ArchiveUnit,
) -> Result<Archived, StoreError> {
    archiving::apply(&mut Archive { c, memory }, unit).await
}

struct Archive<'w> {
    c: &'w mut SqliteConnection,
    memory: &'w mut Memory,
}

#[async_trait]
impl ArchiveSql for Archive<'_> {
    async fn standing(&mut self) -> Result<Standing, StoreError> {
        Ok(self.memory.standing(self.c).await?)
    }

    async fn save_standing(&mut self, mut standing: Standing) -> Result<(), StoreError> {
        standing::save(self.c, &mut standing).await?;
        self.memory.keep_standing(standing);
        Ok(())
    }

    async fn dids(&mut self, dids: &[Did]) -> Result<Vec<i64>, StoreError> {
        Ok(self.memory.intern.dids(self.c, dids).await?)
    }

    async fn known_dids(&mut self, dids: &[Did]) -> Result<Vec<Option<i64>>, StoreError> {
        Ok(self.memory.intern.known_dids(self.c, dids).await?)
    }

    async fn collections(&mut self, nsids: &[Nsid]) -> Result<Vec<i64>, StoreError> {
        Ok(self.memory.intern.collections(self.c, nsids).await?)
    }

    async fn chains(&mut self, dids: &[i64]) -> Result<Vec<(i64, ChainState)>, StoreError> {
        chains::load(self.c, &mut self.memory.chains, dids).await
    }

    async fn save_chains(&mut self, chains: &Chains<'_>, now_us: i64) -> Result<(), StoreError> {
        chains::save(self.c, chains, now_us).await?;
        for (did_id, now) in chains.all() {
            self.memory.chains.put(did_id, now);
        }
        Ok(())
    }

    async fn accounts(&mut self, dids: &[i64]) -> Result<Vec<(i64, Account)>, StoreError> {
        Ok(accounts::load(self.c, dids).await?)
    }

    async fn save_accounts(&mut self, writes: &AccountWrites) -> Result<(), StoreError> {
        Ok(accounts::save(self.c, writes).await?)
    }

    async fn held(&mut self, places: &[RecordAt]) -> Result<Vec<Held>, StoreError> {
        held::load(self.c, places).await
    }

    async fn write_records(&mut self, states: &[NewState<'_>]) -> Result<Vec<i64>, StoreError> {
        Ok(records::write(self.c, &mut self.memory.intern, states).await?)
    }

    async fn save_ledger(&mut self, rows: &[LedgerRow<'_>], now_us: i64) -> Result<(), StoreError> {
        Ok(ledger::save(self.c, rows, now_us).await?)
    }

    async fn write_letters(
        &mut self,
        letters: &[&Letter],
        only_new: bool,
        now_us: i64,
    ) -> Result<u64, StoreError> {
        Ok(letters::write(self.c, letters, only_new, now_us).await?)
    }

    async fn remove_letters(&mut self, subjects: &[String]) -> Result<(), StoreError> {
        Ok(letters::remove(self.c, subjects).await?)
    }

    async fn save_backfills(
        &mut self,
        marks: &[&BackfillMark],
        now_us: i64,
    ) -> Result<(), StoreError> {
        Ok(backfill::save(self.c, marks, now_us).await?)
    }
}
