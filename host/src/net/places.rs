//! Bounds of requests at once, for each host and in all, and hosts that are left alone for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::NetError;
use crate::limits;

/// All hosts that are asked.
pub(super) struct Places {
    hosts: Mutex<HashMap<String, Place>>,
    all: Arc<Semaphore>,
}

struct Place {
    turns: Arc<Semaphore>,
    pause: Option<Pause>,
}

#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    status: u16,
}

/// One request's turn; its drop lets the next one go.
pub(super) struct Turn {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            hosts: Mutex::default(),
            all: Arc::new(Semaphore::new(limits::NET_REQUESTS_MAX)),
        }
    }

    /// Waits for a turn at a host. A host that asked to be left alone is an error at once.
    pub(super) async fn enter(&self, place: &str) -> Result<Turn, NetError> {
        // The host's turn first: many requests to one slow host must not keep the others out.
        let host = acquire(self.turns(place)?).await?;
        let all = acquire(Arc::clone(&self.all)).await?;
        // It may have asked while this one waited.
        self.turns(place)?;
        Ok(Turn {
            _host: host,
            _all: all,
        })
    }

    /// Leaves a host alone for a time.
    pub(super) fn put_off(&self, place: &str, status: u16, wait: Duration) {
        let until = Instant::now() + wait;
        if let Some(place) = self.lock().get_mut(place) {
            place.pause = Some(Pause { until, status });
        }
    }

    fn turns(&self, name: &str) -> Result<Arc<Semaphore>, NetError> {
        let (mut hosts, now) = (self.lock(), Instant::now());
        if let Some(place) = hosts.get_mut(name) {
            match place.pause.filter(|pause| pause.until > now) {
                Some(pause) => {
                    return Err(NetError::Busy {
                        place: name.to_owned(),
                        status: pause.status,
                        retry_after: Some(pause.until - now),
                    });
                }
                None => return Ok(Arc::clone(&place.turns)),
            }
        }
        if hosts.len() >= limits::NET_HOSTS_MAX {
            hosts.retain(|_, place| {
                Arc::strong_count(&place.turns) > 1 || place.pause.is_some_and(|p| p.until > now)
            });
        }
        if hosts.len() >= limits::NET_HOSTS_MAX {
            return Err(NetError::Overloaded(limits::NET_HOSTS_MAX));
        }
        let turns = Arc::new(Semaphore::new(limits::NET_HOST_REQUESTS_MAX));
        let place = Place {
            turns: Arc::clone(&turns),
            pause: None,
        };
        hosts.insert(name.to_owned(), place);
        Ok(turns)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Place>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn acquire(turns: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, NetError> {
    let closed = |_| NetError::Setup("the bound of requests was closed".to_owned());
    turns.acquire_owned().await.map_err(closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_has_its_turns_and_the_others_have_theirs() {
        let places = Places::new();
        let mut turns = Vec::new();
        for _ in 0..limits::NET_HOST_REQUESTS_MAX {
            turns.push(places.enter("a:443").await.unwrap());
        }
        let soon = Duration::from_millis(20);
        assert!(
            tokio::time::timeout(soon, places.enter("a:443"))
                .await
                .is_err()
        );
        assert!(places.enter("b:443").await.is_ok());
        turns.pop();
        assert!(places.enter("a:443").await.is_ok());
    }

    #[tokio::test]
    async fn a_host_that_says_later_is_left_alone_until_then() {
        let places = Places::new();
        drop(places.enter("a:443").await.unwrap());
        places.put_off("a:443", 429, Duration::from_millis(50));
        let Err(NetError::Busy {
            status: 429,
            retry_after: Some(wait),
            ..
        }) = places.enter("a:443").await
        else {
            panic!("the host is asked");
        };
        assert!(places.enter("b:443").await.is_ok());
        tokio::time::sleep(wait).await;
        assert!(places.enter("a:443").await.is_ok());
    }

    #[tokio::test]
    async fn idle_hosts_make_room_and_busy_ones_do_not() {
        let places = Places::new();
        let mut turns = Vec::new();
        for n in 0..limits::NET_HOSTS_MAX {
            // All but one are left at once.
            let turn = places.turns(&format!("{n}:443")).unwrap();
            turns.extend((n == 0).then_some(turn));
        }
        assert!(places.turns("more:443").is_ok());
        assert_eq!(places.lock().len(), 2);
    }
}
