//! When a repository is fetched: at once the first time, later and later when it fails or breaks again and again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::atproto::Did;
use crate::limits;

struct Tried {
    /// Tries without an hour's pause.
    times: u32,
    next: Instant,
    running: bool,
    /// The account came back while a try was running: the next one need not wait.
    again: bool,
    /// How often its account's returns were heeded, and when the next one is.
    hurries: u32,
    heeds: Instant,
}

/// What was tried.
#[derive(Default)]
pub(super) struct Schedule {
    tried: HashMap<Did, Tried>,
}

impl Schedule {
    /// Whether a repository may be fetched now.
    pub(super) fn is_due(&self, did: &Did, now: Instant) -> bool {
        self.tried
            .get(did)
            .is_none_or(|t| !t.running && t.next <= now)
    }

    /// A try begins.
    pub(super) fn begin(&mut self, did: &Did, now: Instant) {
        let tried = self.tried.entry(did.clone()).or_insert(Tried {
            times: 0,
            next: now,
            running: false,
            again: false,
            hurries: 0,
            heeds: now,
        });
        tried.times += 1;
        tried.running = true;
    }

    /// A try has ended: the next waits for as long as `soon`, or for a step of failures.
    pub(super) fn end(&mut self, did: &Did, now: Instant, ended: Ended) {
        let Some(tried) = self.tried.get_mut(did) else {
            return;
        };
        tried.running = false;
        if std::mem::take(&mut tried.again) && ended != Ended::Well {
            tried.next = now;
            return;
        }
        let (first_ms, longest_ms) = match ended {
            Ended::Well => (limits::RESYNC_AGAIN_MS, limits::RESYNC_AGAIN_MS_MAX),
            Ended::Badly => (limits::RESYNC_RETRY_MS, limits::RESYNC_RETRY_MS_MAX),
            Ended::Refused => (limits::RESYNC_REFUSED_MS, limits::RESYNC_RETRY_MS_MAX),
        };
        let step = first_ms
            .saturating_mul(1 << (tried.times - 1).min(16))
            .min(longest_ms);
        tried.next = now + Duration::from_millis(rand::random_range(step / 2..=step));
    }

    /// The account came back: what was tried before says nothing about now. One that comes back again and again is
    /// heeded less and less, or it would hold a place for good.
    pub(super) fn hurry(&mut self, did: &Did, now: Instant) {
        let Some(tried) = self.tried.get_mut(did).filter(|t| t.heeds <= now) else {
            return;
        };
        let step_ms = limits::RESYNC_HURRY_MS.saturating_mul(1 << tried.hurries.min(16));
        tried.heeds = now + Duration::from_millis(step_ms.min(limits::RESYNC_RETRY_MS_MAX));
        tried.hurries += 1;
        if tried.running {
            tried.again = true;
        } else {
            tried.next = now;
        }
    }

    /// Forgets what has been quiet for long.
    pub(super) fn prune(&mut self, now: Instant) {
        let quiet = Duration::from_millis(limits::RESYNC_RETRY_MS_MAX);
        self.tried
            .retain(|_, t| t.running || now.saturating_duration_since(t.next.max(t.heeds)) < quiet);
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The repository is synchronized.
    Well,
    /// Trouble that may pass.
    Badly,
    /// Trying soon again will not help.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_is_at_once_and_each_next_one_later() {
        let (mut schedule, did) = (
            Schedule::default(),
            Did::parse("did:web:a.example").unwrap(),
        );
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..6 {
            assert!(schedule.is_due(&did, now));
            schedule.begin(&did, now);
            assert!(!schedule.is_due(&did, now + Duration::from_secs(86_400)));
            schedule.end(&did, now, Ended::Badly);
            let begun = now;
            while !schedule.is_due(&did, now) {
                now += Duration::from_millis(100);
            }
            waits.push(now - begun);
        }
        assert!(waits[5] > waits[0] * 8, "{waits:?}");
        schedule.end(&did, now, Ended::Badly);
        schedule.hurry(&did, now);
        assert!(schedule.is_due(&did, now));
        schedule.begin(&did, now);
        schedule.end(&did, now, Ended::Badly);
        schedule.hurry(&did, now);
        assert!(!schedule.is_due(&did, now), "heeded twice at once");
        schedule.hurry(&did, now + Duration::from_millis(limits::RESYNC_HURRY_MS));
        assert!(schedule.is_due(&did, now + Duration::from_millis(limits::RESYNC_HURRY_MS)));
    }

    #[test]
    fn an_account_that_comes_back_during_a_try_need_not_wait_after_it() {
        let did = Did::parse("did:web:a.example").unwrap();
        let now = Instant::now();
        for (ended, due) in [
            (Ended::Refused, true),
            (Ended::Badly, true),
            (Ended::Well, false),
        ] {
            let mut schedule = Schedule::default();
            schedule.begin(&did, now);
            schedule.hurry(&did, now);
            assert!(!schedule.is_due(&did, now), "two at once");
            schedule.end(&did, now, ended);
            assert_eq!(schedule.is_due(&did, now), due, "{ended:?}");
        }
    }
}
