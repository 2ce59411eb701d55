//! The running parts between queue and rows, and the order in which they end.
//!
//! Guarantees: no task vanishes: one that fails or panics is noticed by the [`Watch`]. Draining goes in data order: the
//! queue is closed and archived to its end, then every consumer reads to the head and stores its position.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::parts::Parts;
use super::watch::Watch;
use crate::index::{Archiver, Consumer};
use crate::queue::Queue;

/// The archiver and the consumers of one host.
pub(super) struct Pipeline {
    /// Where ingest appends.
    pub(super) queue: Arc<dyn Queue>,
    /// Over its tasks, and those that work with it.
    pub(super) watch: Watch,
    archiver: JoinHandle<()>,
    consumers: Vec<JoinHandle<()>>,
    drain_consumers: CancellationToken,
    abandon: CancellationToken,
}

impl Pipeline {
    /// Starts one archiver, which reads the queue, and a consumer for each plugin that indexes.
    pub(super) fn start(parts: &mut Parts, queue: Arc<dyn Queue>) -> Self {
        let watch = Watch::default();
        let (drain_consumers, abandon) = (CancellationToken::new(), parts.abandon.clone());
        let archiver = Archiver {
            queue: Arc::clone(&queue),
            store: Arc::clone(&parts.store),
            feed: Arc::clone(&parts.feed),
            counters: Arc::clone(&parts.counters),
            clock: parts.clock.clone(),
        };
        let archiver = watch.over("archiver", tokio::spawn(archiver.run(abandon.clone())));

        let mut consumers = Vec::new();
        for (loaded, status) in parts.registry.plugins.iter().zip(&mut parts.statuses) {
            if loaded.plugin.manifest().collections.is_empty() {
                continue;
            }
            let consumer = Consumer::new(
                Arc::clone(&loaded.plugin),
                &loaded.generation,
                Arc::clone(&parts.store),
                Arc::clone(&parts.feed),
                parts.clock.clone(),
            );
            *status = Some(consumer.status());
            let name = format!("consumer of {}", loaded.plugin.name());
            let task = tokio::spawn(consumer.run(drain_consumers.clone(), abandon.clone()));
            consumers.push(watch.over(&name, task));
        }
        Self {
            queue,
            watch,
            archiver,
            consumers,
            drain_consumers,
            abandon,
        }
    }

    /// Of a host that writes nothing: no task.
    pub(super) fn idle(parts: &Parts, queue: Arc<dyn Queue>) -> Self {
        Self {
            queue,
            watch: Watch::default(),
            archiver: tokio::spawn(std::future::ready(())),
            consumers: Vec::new(),
            drain_consumers: CancellationToken::new(),
            abandon: parts.abandon.clone(),
        }
    }

    /// Archives what is queued, lets every consumer reach the head, and ends. `stop_now`: a second signal.
    ///
    /// # Errors
    /// When a part failed, or the drain took longer than `deadline`; nothing is lost by either: the next start goes
    /// on at the stored cursor and positions.
    pub(super) async fn drain(
        self,
        deadline: Duration,
        stop_now: &CancellationToken,
    ) -> anyhow::Result<()> {
        self.queue.close();
        let (archiver, consumers) = (self.archiver, self.consumers);
        let drain_consumers = self.drain_consumers;
        let in_order = async {
            // A join error is the watcher's panic; it has nothing that could.
            archiver.await.ok();
            drain_consumers.cancel();
            for consumer in consumers {
                consumer.await.ok();
            }
        };
        let late = tokio::select! {
            () = in_order => None,
            () = tokio::time::sleep(deadline) => Some("the drain took too long"),
            () = stop_now.cancelled() => Some("told to stop at once"),
        };
        self.abandon.cancel();
        let failure = self.watch.take_failure();
        match (failure, late) {
            (Some(failure), _) => anyhow::bail!("{failure}"),
            (None, Some(late)) => {
                anyhow::bail!("{late}; what was not drained is read again at the next start")
            }
            (None, None) => Ok(()),
        }
    }
}
