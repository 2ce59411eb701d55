//! Work that several wait for is done once: the first to ask does it, the others take its result.
//!
//! Guarantees: when the one who works goes away, another goes on; what was begun before `forget` is not kept after it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// What is under way, by key.
pub(super) struct Flights<K, V>(Mutex<HashMap<K, Flight<V>>>);

struct Flight<V> {
    result: Arc<OnceCell<V>>,
    waiting: usize,
}

impl<K: Clone + Eq + Hash, V: Clone> Flights<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Does the work, or waits for who does. `keep` is called with the result unless it was forgotten meanwhile.
    pub(super) async fn join(
        &self,
        key: &K,
        work: impl Future<Output = V>,
        keep: impl FnOnce(&V),
    ) -> V {
        let seat = self.board(key);
        let land = async {
            let value = work.await;
            seat.land(|| keep(&value));
            value
        };
        seat.result.get_or_init(|| land).await.clone()
    }

    /// Lets nothing be kept that is under way, and runs `also` while nothing can land.
    pub(super) fn forget(&self, key: &K, also: impl FnOnce()) {
        let mut flights = self.lock();
        flights.remove(key);
        also();
    }

    fn board<'f>(&'f self, key: &'f K) -> Seat<'f, K, V> {
        let mut flights = self.lock();
        let flight = flights.entry(key.clone()).or_insert_with(|| Flight {
            result: Arc::default(),
            waiting: 0,
        });
        flight.waiting += 1;
        Seat {
            flights: self,
            key,
            result: Arc::clone(&flight.result),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits for a flight.
struct Seat<'f, K: Clone + Eq + Hash, V: Clone> {
    flights: &'f Flights<K, V>,
    key: &'f K,
    result: Arc<OnceCell<V>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Seat<'_, K, V> {
    /// Whether this seat's flight is the one that newcomers join.
    fn is_of(&self, flight: &Flight<V>) -> bool {
        Arc::ptr_eq(&flight.result, &self.result)
    }

    /// The flight is over: those who come now begin another one.
    fn land(&self, keep: impl FnOnce()) {
        let mut flights = self.flights.lock();
        if flights.get(self.key).is_some_and(|f| self.is_of(f)) {
            flights.remove(self.key);
            keep();
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Drop for Seat<'_, K, V> {
    /// The last to give up takes the flight with it.
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get_mut(self.key).filter(|f| self.is_of(f)) {
            flight.waiting -= 1;
            if flight.waiting == 0 {
                flights.remove(self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_wait_and_one_works() {
        let (flights, worked) = (Flights::new(), AtomicUsize::new(0));
        let kept = Mutex::new(Vec::new());
        let ask = || {
            let work = async {
                tokio::task::yield_now().await;
                worked.fetch_add(1, Ordering::Relaxed)
            };
            flights.join(&"key", work, |v| kept.lock().unwrap().push(*v))
        };
        let answers = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert_eq!(answers, vec![0; 100]);
        assert_eq!(ask().await, 1, "what has landed is not waited for");
        assert_eq!(*kept.lock().unwrap(), [0, 1]);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing_behind() {
        let flights: Flights<&str, u8> = Flights::new();
        let never = flights.join(&"key", std::future::pending(), |_| ());
        let soon = std::time::Duration::from_millis(5);
        assert!(tokio::time::timeout(soon, never).await.is_err());
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn what_was_forgotten_on_the_way_is_answered_and_not_kept() {
        let flights = Flights::new();
        let work = async {
            flights.forget(&"key", || ());
            7
        };
        let answer = flights.join(&"key", work, |_| panic!("it is kept")).await;
        assert_eq!(answer, 7);
    }
}
