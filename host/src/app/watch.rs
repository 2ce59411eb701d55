//! Watching the tasks of a host: none of them vanishes.
//!
//! Guarantees: a task that fails or panics fires `failed`, and the first reason is kept.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Watches over tasks.
#[derive(Clone, Default)]
pub(super) struct Watch {
    failed: CancellationToken,
    failure: Arc<Mutex<Option<String>>>,
}

impl Watch {
    /// Watches a task that belongs to this host: when it fails or panics, the host stops with that reason.
    pub(super) fn over<T, E>(&self, name: &str, task: JoinHandle<Result<T, E>>) -> JoinHandle<()>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        tokio::spawn(self.clone().until_ended(name.to_owned(), task))
    }

    /// Fires when a task has ended that should not have.
    pub(super) fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    /// Why.
    pub(super) fn take_failure(&self) -> Option<String> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    async fn until_ended<T, E: std::fmt::Display>(
        self,
        name: String,
        task: JoinHandle<Result<T, E>>,
    ) {
        let reason = match task.await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => format!("the {name} stopped: {error}"),
            Err(error) => format!("the {name} stopped: {error}"),
        };
        tracing::error!(reason, "app.part_failed: a part of the pipeline ended");
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.failed.cancel();
    }
}
