//! The plugins' side of the store: what registered, and units of it.
//!
//! Guarantees: a unit is one transaction that begins with the fence of its partitions; tables of a generation are
//! worked out once and never change; reads are those of the last registration on this host.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::schema::GenerationTables;
use super::{PostgresStore, generation, rows};
use crate::entry::Partition;
use crate::store::error::StoreError;
use crate::store::reading::Reads;
use crate::store::rows::{Applied, Generation, GenerationId, IndexUnit, Registration};

/// What this host knows of generations.
#[derive(Default)]
pub(super) struct Plugins {
    tables: RwLock<HashMap<GenerationId, Arc<GenerationTables>>>,
    reads: RwLock<HashMap<GenerationId, Arc<Reads>>>,
}

impl Plugins {
    fn learn(&self, tables: GenerationTables) -> Arc<GenerationTables> {
        let tables = Arc::new(tables);
        let mut known = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(tables.shape.id, Arc::clone(&tables));
        tables
    }

    fn tables(&self, id: GenerationId) -> Option<Arc<GenerationTables>> {
        let known = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).cloned()
    }
}

impl PostgresStore {
    /// See [`Store::register`](crate::store::Store::register).
    pub(super) async fn register_plugin(
        &self,
        registration: &Registration,
    ) -> Result<Generation, StoreError> {
        // A host that only serves makes nothing and takes nobody's place: it reads what the writing one registered.
        let made = if self.fence.is_held() {
            let now_us = self.clock.now_us();
            let (pool, schema) = (&self.writers, &self.schema);
            generation::register(pool, schema, self.partitions, registration, now_us).await?
        } else {
            generation::attach(&self.writers, &self.schema, registration).await?
        };
        let id = made.generation.id;
        self.plugins.learn(made.tables);
        let mut reads = self
            .plugins
            .reads
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        reads.insert(id, Arc::new(made.reads));
        Ok(made.generation)
    }

    /// See [`Store::index`](crate::store::Store::index).
    pub(super) async fn index_unit(&self, unit: &IndexUnit) -> Result<Applied, StoreError> {
        let tables = self.tables(unit.generation).await?;
        let mut partitions: Vec<Partition> = unit.advances.iter().map(|a| a.partition).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let mut tx = self.begin().await?;
        tx.hold(&partitions).await?;
        let (c, ids) = tx.parts();
        let applied = rows::apply(c, ids, &tables, unit).await?;
        tx.commit().await?;
        Ok(applied)
    }

    /// The tables of a generation, which this host or another one registered.
    async fn tables(&self, id: GenerationId) -> Result<Arc<GenerationTables>, StoreError> {
        if let Some(tables) = self.plugins.tables(id) {
            return Ok(tables);
        }
        let loaded = generation::load(&mut *self.host().await?, &self.schema, id).await?;
        Ok(self.plugins.learn(loaded))
    }

    /// The compiled reads of a generation and its tables.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it did not register on this host.
    pub(super) fn reads_of(
        &self,
        id: GenerationId,
    ) -> Result<(Arc<Reads>, Arc<GenerationTables>), StoreError> {
        let reads = self.plugins.reads.read();
        let reads = reads.unwrap_or_else(PoisonError::into_inner);
        let both = reads.get(&id).cloned().zip(self.plugins.tables(id));
        both.ok_or_else(|| StoreError::Refused(format!("generation {id} is not registered")))
    }
}
