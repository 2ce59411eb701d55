//! What the writer remembers of the database, to save reading it again. Always a copy: forgotten at any rollback.

use std::collections::HashMap;

use lru::LruCache;
use sqlx::SqliteConnection;

use super::generation;
use super::intern::{self, Interner};
use super::schema::GenerationTables;
use super::standing;
use crate::store::archiving::chains::ChainState;
use crate::store::archiving::standing::Standing;
use crate::store::error::StoreError;
use crate::store::rows::GenerationId;

/// The writer's memory.
pub(super) struct Memory {
    partitions: u16,
    /// Ids of names and records.
    pub(super) intern: Interner,
    /// What is known of an account's repository.
    pub(super) chains: LruCache<i64, ChainState>,
    standing: Option<Standing>,
    generations: HashMap<GenerationId, GenerationTables>,
}

impl Memory {
    pub(super) fn new(partitions: u16) -> Self {
        Self {
            partitions,
            intern: Interner::new(),
            chains: LruCache::new(intern::cache_entries()),
            standing: None,
            generations: HashMap::new(),
        }
    }

    /// How many partitions there are.
    pub(super) fn partitions(&self) -> u16 {
        self.partitions
    }

    /// Where the partitions stand. Given back with [`Memory::keep_standing`], else it is read again.
    pub(super) async fn standing(
        &mut self,
        c: &mut SqliteConnection,
    ) -> Result<Standing, sqlx::Error> {
        match self.standing.take() {
            Some(standing) => Ok(standing),
            None => standing::load(c, self.partitions).await,
        }
    }

    /// Remembers where the partitions stand, once that is written.
    pub(super) fn keep_standing(&mut self, standing: Standing) {
        self.standing = Some(standing);
    }

    /// A generation's tables, beside the interner that rows need with them.
    pub(super) async fn tables(
        &mut self,
        c: &mut SqliteConnection,
        id: GenerationId,
    ) -> Result<(&GenerationTables, &mut Interner), StoreError> {
        let tables = match self.generations.remove(&id) {
            Some(tables) => tables,
            None => generation::load(c, id).await?,
        };
        let tables = self.generations.entry(id).or_insert(tables);
        Ok((tables, &mut self.intern))
    }

    /// Remembers the tables of a generation that registered just now.
    pub(super) fn learn(&mut self, tables: GenerationTables) {
        self.generations.insert(tables.shape.id, tables);
    }

    /// Drops everything, after a rollback.
    pub(super) fn forget(&mut self) {
        self.intern.forget();
        self.chains.clear();
        self.standing = None;
        self.generations.clear();
    }
}
