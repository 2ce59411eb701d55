//! How the lanes tell the workers that there is work.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::atproto::Did;
use crate::limits;

/// Work for the resync and for erasures. What it is, is in the store; this only says when to look.
#[derive(Debug, Default)]
pub struct Broken {
    work: Notify,
    returned: Mutex<Vec<Did>>,
    deleted: Notify,
}

impl Broken {
    /// A repository was marked.
    pub(super) fn marked(&self) {
        self.work.notify_one();
    }

    /// An account came back: it need not wait as long as its failures said.
    pub(super) fn returned(&self, did: &Did) {
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that do not fit wait for their turn.
        if returned.len() < limits::RETURNED_ACCOUNTS_MAX {
            returned.push(did.clone());
        }
    }

    /// A followed account is said to be deleted.
    pub(super) fn deleted(&self) {
        self.deleted.notify_one();
    }

    /// Waits until a followed account is said to be deleted.
    pub(super) async fn deletions(&self) {
        self.deleted.notified().await;
    }

    /// Waits until something was marked.
    pub(super) async fn work(&self) {
        self.work.notified().await;
    }

    /// The accounts that came back since the last time.
    pub(super) fn take_returned(&self) -> Vec<Did> {
        std::mem::take(&mut *self.returned.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
