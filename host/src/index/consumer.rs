//! One plugin generation's consumer: feed, guest, store, again.
//!
//! While one unit is being committed the guest already works on the next. Units chain by compare-and-set, so they
//! can only be applied in order; passing trouble of the store is waited out, anything else ends the consumer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::prepare::{Prepared, prepare};
use super::quarantine::FailureRun;
use super::status::{ConsumerState, ConsumerStatus};
use crate::clock::Clock;
use crate::fault::crash;
use crate::limits;
use crate::plugins::Plugin;
use crate::store::{
    Advance, Applied, Feed, Generation, GenerationId, IndexUnit, Pos, Store, StoreError,
};

/// One consumer's parts.
pub struct Consumer {
    plugin: Arc<Plugin>,
    generation: GenerationId,
    store: Arc<dyn Store>,
    feed: Arc<Feed>,
    clock: Clock,
    status: Arc<ConsumerStatus>,
    /// Everything up to here has been through the guest or was not wanted.
    next: Vec<Pos>,
    /// What the store holds once the unit in flight is committed.
    chained: Vec<Pos>,
    chained_at: Instant,
    failures: FailureRun,
}

impl Consumer {
    /// A consumer that starts where its generation stands.
    #[must_use]
    pub fn new(
        plugin: Arc<Plugin>,
        generation: &Generation,
        store: Arc<dyn Store>,
        feed: Arc<Feed>,
        clock: Clock,
    ) -> Self {
        Self {
            plugin,
            generation: generation.id,
            store,
            feed,
            clock,
            status: Arc::new(ConsumerStatus::new(generation.positions.clone())),
            next: generation.positions.clone(),
            chained: generation.positions.clone(),
            chained_at: Instant::now(),
            failures: FailureRun::default(),
        }
    }

    /// Its figures.
    #[must_use]
    pub fn status(&self) -> Arc<ConsumerStatus> {
        Arc::clone(&self.status)
    }

    /// Follows the feed. `drain`: go on to the head that stands then, and end. `abandon`: end now.
    ///
    /// # Errors
    /// When the store refuses for good.
    pub async fn run(
        mut self,
        drain: CancellationToken,
        abandon: CancellationToken,
    ) -> Result<(), StoreError> {
        let ended = self.follow(&drain, &abandon).await;
        self.status.update(|s| {
            if s.state == ConsumerState::Running {
                s.state = ConsumerState::Stopped;
            }
        });
        match ended {
            Err(StoreError::Closed) if abandon.is_cancelled() => Ok(()),
            ended => ended,
        }
    }

    async fn follow(
        &mut self,
        drain: &CancellationToken,
        abandon: &CancellationToken,
    ) -> Result<(), StoreError> {
        let mut changed = self.feed.changed();
        let mut in_flight: Option<IndexUnit> = None;
        while !abandon.is_cancelled() {
            // Looked at before the feed is read: what was appended before the drain began is then in the batch.
            let draining = drain.is_cancelled();
            changed.mark_unchanged();
            let (prepared, committed) = tokio::join!(
                prepare(&self.plugin, &self.feed, &self.next),
                self.commit(in_flight.take(), abandon),
            );
            committed?;
            let prepared = prepared?;
            if self
                .failures
                .sees(prepared.effects.iter().map(|(_, effect)| effect))
            {
                self.quarantine();
                return Ok(());
            }
            let more = prepared.more;
            in_flight = self.chain(prepared, draining);
            if in_flight.is_some() || more {
                continue;
            }
            if draining {
                return Ok(());
            }
            self.wait(&mut changed, drain, abandon).await;
        }
        Ok(())
    }

    /// Makes a unit of what was prepared. A position that only passed unwanted changes is stored now and then.
    fn chain(&mut self, prepared: Prepared, draining: bool) -> Option<IndexUnit> {
        for (partition, to) in prepared.through {
            if let Some(next) = self.next.get_mut(usize::from(partition)) {
                *next = to;
            }
        }
        let guest_us = prepared.guest_us;
        let changes = prepared.effects.len() as u64;
        self.status.update(|s| {
            s.changes += changes;
            s.guest_us += guest_us;
        });
        let behind: Pos = self
            .next
            .iter()
            .zip(&self.chained)
            .map(|(n, c)| n - c)
            .sum();
        let due = behind >= limits::POSITION_LAG_MAX
            || self.chained_at.elapsed() >= Duration::from_millis(limits::MARK_INTERVAL_MS);
        let worth_it = !prepared.effects.is_empty() || (behind > 0 && (due || draining));
        if !worth_it {
            return None;
        }
        let advances = (0..)
            .zip(self.chained.iter().zip(&self.next))
            .filter(|(_, (from, to))| from != to)
            .map(|(partition, (&from, &to))| Advance {
                partition,
                from,
                to,
            })
            .collect();
        self.chained.clone_from(&self.next);
        self.chained_at = Instant::now();
        Some(IndexUnit {
            generation: self.generation,
            advances,
            effects: prepared.effects,
            now_us: self.clock.now_us(),
        })
    }

    async fn commit(
        &self,
        unit: Option<IndexUnit>,
        abandon: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Some(unit) = unit else { return Ok(()) };
        crash::at(crash::INDEX_BEGINS);
        let unit = Arc::new(unit);
        let Applied {
            rows,
            dead,
            repeated,
        } = crate::store::retry::until_done("index", abandon, || {
            self.store.index(Arc::clone(&unit))
        })
        .await?;
        if repeated {
            tracing::info!(
                plugin = self.plugin.name(),
                "index.repeated: a unit was committed although its answer got lost; nothing is lost"
            );
        }
        crash::at(crash::INDEXED);
        self.status.update(|s| {
            s.rows += rows;
            s.dead += dead;
            for advance in &unit.advances {
                if let Some(position) = s.positions.get_mut(usize::from(advance.partition)) {
                    *position = advance.to;
                }
            }
        });
        Ok(())
    }

    fn quarantine(&self) {
        self.status.update(|s| s.state = ConsumerState::Quarantined);
        tracing::error!(
            plugin = self.plugin.name(),
            positions = ?self.chained,
            "index.quarantined: the plugin failed on too many changes in a row; its position stands still, load a mended version and start again"
        );
    }

    async fn wait(
        &self,
        changed: &mut watch::Receiver<u64>,
        drain: &CancellationToken,
        abandon: &CancellationToken,
    ) {
        let unsaved = self.next != self.chained;
        tokio::select! {
            () = abandon.cancelled() => return,
            () = drain.cancelled() => return,
            _ = changed.changed() => {}
            () = tokio::time::sleep(Duration::from_millis(limits::MARK_INTERVAL_MS)), if unsaved => return,
        }
        // A little patience makes a batch of many out of many batches of one.
        tokio::select! {
            () = drain.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(limits::BATCH_LINGER_MS)) => {}
        }
    }
}
