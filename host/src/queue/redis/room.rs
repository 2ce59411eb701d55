//! The bounds of a queue: how many entries and bytes wait in Redis, and on the way there.
//!
//! Guarantees: an entry takes its place before it is accepted and gives it back when it is known to be trimmed; one
//! entry never asks for more than there is. First come, first served, so that order holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RedisBounds;
use crate::limits;

/// A queue's bounds, with what they are used for.
pub(super) struct Room {
    entries: Arc<Semaphore>,
    /// One permit for each KiB, so that the bound fits the semaphore's range.
    kib: Arc<Semaphore>,
    kib_max: usize,
    sending_kib: Arc<Semaphore>,
    /// Of each partition: entries that Redis has, by their numbers.
    places: Vec<Mutex<VecDeque<(u64, Place)>>>,
}

/// An entry's share of the bounds.
pub(super) struct Place {
    _entry: OwnedSemaphorePermit,
    _kib: OwnedSemaphorePermit,
}

/// An entry's share of what may be on the way.
pub(super) struct OnTheWay {
    _kib: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new(bounds: RedisBounds, partitions: usize) -> Self {
        let kib_max = bounds.bytes_max / 1_024 + 1;
        Self {
            entries: Arc::new(Semaphore::new(bounds.entries_max.max(1))),
            kib: Arc::new(Semaphore::new(kib_max)),
            kib_max,
            sending_kib: Arc::new(Semaphore::new(limits::REDIS_SEND_BYTES_MAX / 1_024)),
            places: (0..partitions).map(|_| Mutex::default()).collect(),
        }
    }

    /// Waits for an entry's place. None: never, for nothing closes the bounds.
    pub(super) async fn place(&self, bytes: usize) -> Option<(Place, OnTheWay)> {
        let cost = |max: usize| u32::try_from((bytes / 1_024 + 1).min(max)).unwrap_or(u32::MAX);
        let entry = Arc::clone(&self.entries).acquire_owned().await.ok()?;
        let kib = Arc::clone(&self.kib).acquire_many_owned(cost(self.kib_max));
        let kib = kib.await.ok()?;
        let sending = cost(limits::REDIS_SEND_BYTES_MAX / 1_024);
        let sending = Arc::clone(&self.sending_kib).acquire_many_owned(sending);
        let place = Place {
            _entry: entry,
            _kib: kib,
        };
        let on_the_way = OnTheWay {
            _kib: sending.await.ok()?,
        };
        Some((place, on_the_way))
    }

    /// Redis has an entry.
    pub(super) fn keep(&self, partition: usize, n: u64, place: Place) {
        self.places(partition).push_back((n, place));
    }

    /// Redis has no entries up to this one any more.
    pub(super) fn free(&self, partition: usize, through: u64) {
        let mut places = self.places(partition);
        while places.pop_front_if(|(n, _)| *n <= through).is_some() {}
    }

    fn places(&self, partition: usize) -> std::sync::MutexGuard<'_, VecDeque<(u64, Place)>> {
        self.places[partition]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
