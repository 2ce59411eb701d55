//! The connections of the stream: how far each is, and how to reach it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::Shared;

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    /// The last seq that was handed to its socket.
    pub(crate) taken: AtomicU64,
    /// Whether it is made silent: nobody waits for it.
    pub(crate) silent: AtomicBool,
    /// Set when it was waited for in vain.
    pub(crate) too_slow: CancellationToken,
    /// Set when it is to end without a word.
    pub(crate) dropped: CancellationToken,
}

/// Every connection.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    accepted: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Consumer>>>,
}

/// A connection's place among the consumers; dropping it gives the place up.
pub(crate) struct Place {
    shared: Arc<Shared>,
    number: u64,
    pub(crate) consumer: Arc<Consumer>,
}

/// How a cursor is answered.
pub(crate) enum Admission {
    /// The stream starts after the consumer's `taken`; `outdated` says that the cursor was too old.
    At { place: Place, outdated: bool },
    /// The cursor is above this last seq.
    Future(u64),
}

impl Consumers {
    /// Connections so far, refused ones too.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn len(&self) -> usize {
        self.connected().len()
    }

    /// Consumers that were not sent `seq` yet and can be waited for.
    pub(crate) fn behind(&self, seq: u64) -> Vec<Arc<Consumer>> {
        let connected = self.connected();
        let behind = connected.values().filter(|consumer| {
            consumer.taken.load(Ordering::Acquire) < seq
                && !consumer.silent.load(Ordering::Acquire)
                && !consumer.too_slow.is_cancelled()
        });
        behind.cloned().collect()
    }

    pub(crate) fn drop_all(&self) -> usize {
        let connected = self.connected();
        // One that is still on its way out was counted before.
        let open = connected.values().filter(|c| !c.dropped.is_cancelled());
        let open: Vec<&Arc<Consumer>> = open.collect();
        open.iter().for_each(|consumer| consumer.dropped.cancel());
        open.len()
    }

    fn connected(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Consumer>>> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    /// Admits a connection: from the present without a cursor, after the cursor if the window still
    /// has what follows it, else from the oldest event. The window cannot move in between.
    pub(crate) fn of(shared: &Arc<Shared>, cursor: Option<u64>) -> Admission {
        let window = shared.window();
        let number = shared.consumers.accepted.fetch_add(1, Ordering::Relaxed);
        let head = *shared.head.borrow();
        let from = match cursor {
            Some(cursor) if cursor > head => return Admission::Future(head),
            Some(cursor) => cursor,
            None => head,
        };
        let consumer = Arc::new(Consumer {
            taken: AtomicU64::new(from.max(window.forgotten())),
            ..Default::default()
        });
        shared
            .consumers
            .connected()
            .insert(number, Arc::clone(&consumer));
        // Cursor 0 asks for the oldest that there is and cannot be outdated.
        let outdated = from > 0 && window.is_outdated(from);
        let place = Place {
            shared: Arc::clone(shared),
            number,
            consumer,
        };
        Admission::At { place, outdated }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.consumers.connected().remove(&self.number);
    }
}
