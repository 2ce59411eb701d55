//! The task that has Redis forget what is committed.
//!
//! Guarantees: nothing is trimmed that was not committed; what is trimmed gives its place back. Late when Redis has
//! trouble: then entries stay longer, and count for longer.

use std::sync::Arc;

use futures_util::future::join_all;
use redis::RedisError;

use super::id::Id;
use super::link::Link;
use super::room::Room;
use super::scripts;
use super::state::State;

/// What the task works with.
pub(super) struct Trimmer {
    pub(super) state: Arc<State>,
    pub(super) room: Arc<Room>,
    pub(super) link: Link,
    /// By partition: the last number that was trimmed.
    pub(super) trimmed: Vec<u64>,
}

impl Trimmer {
    /// Trims until the queue is lost.
    pub(super) async fn run(mut self) {
        let state = Arc::clone(&self.state);
        tokio::select! {
            () = self.trim_all() => {}
            _ = state.lost() => {}
        }
    }

    async fn trim_all(&mut self) {
        loop {
            let (state, trimmed) = (&self.state, &self.trimmed);
            let is_behind = |p: usize| state.last_committed(p) > trimmed[p];
            state.until(|| (0..trimmed.len()).any(is_behind)).await;
            match self.round().await {
                Ok(()) => self.link.worked(),
                Err(error) => self.link.failed(&error).await,
            }
        }
    }

    async fn round(&mut self) -> Result<(), RedisError> {
        let connection = self.link.connection().await?;
        let state = &self.state;
        let behind = (0..self.trimmed.len()).filter_map(|p| {
            let committed = state.last_committed(p);
            (committed > self.trimmed[p]).then_some((p, committed))
        });
        let trims = behind.map(|(p, committed)| {
            let first_kept = Id {
                epoch: state.epoch,
                n: committed + 1,
            };
            let trim = scripts::trim(connection.clone(), &state.keys[p], first_kept);
            async move { (p, committed, trim.await) }
        });
        let done = join_all(trims.collect::<Vec<_>>()).await;
        let mut outcome = Ok(());
        for (p, committed, trimmed) in done {
            match trimmed {
                Ok(()) => {
                    self.trimmed[p] = committed;
                    self.room.free(p, committed);
                }
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }
}
