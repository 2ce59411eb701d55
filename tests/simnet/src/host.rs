//! The relay's and the PDS's answers over HTTP: knobs and counters, one set for each listener.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRef;

use crate::network::Shared;
use crate::script::Script;

/// One of the two listeners that hold repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Where the stream is; it answers `com.atproto.sync` only.
    Relay,
    /// The host that the DID documents name.
    Pds,
}

/// How a CAR is answered (`getRepo`, `getRecord`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// As it is.
    Sound,
    /// 404 `RepoNotFound`, as a relay that keeps no repositories.
    Refused,
    /// 429 with `Retry-After`.
    TooMany {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// 503.
    Down,
    /// 302 to the account's PDS.
    Elsewhere,
    /// After so many milliseconds, sound.
    Late {
        /// Milliseconds before the first byte.
        ms: u64,
    },
    /// Sound, so many bytes each second.
    Trickle {
        /// Bytes a second.
        bytes_per_s: u64,
    },
    /// Sound, then blocks that nothing links to, without an end.
    Endless,
    /// The first half of the blocks, and a clean end.
    Cut,
    /// One bit of the last block differs.
    Flipped,
    /// As the repository was when the world was told to remember it.
    Older,
}

/// How a list is cut into pages (`listRepos`, `listReposByCollection`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// As asked for.
    Sound,
    /// So many items at most, whatever was asked for.
    Small(usize),
    /// Two items at most, and before each page an empty one with a cursor.
    Gaps,
    /// Two items at most, the first of which ended the page before.
    Overlapping,
    /// Two items at most, and the last page's cursor leads to the first page.
    Circle,
}

/// What one listener does and has done.
#[derive(Debug)]
pub struct Host {
    /// What `com.atproto.sync.getRepo` answers, by the DID that is asked for.
    pub repos: Script<Answer>,
    /// What `com.atproto.sync.getRecord` answers, by the DID that is asked for.
    pub records: Script<Answer>,
    paging: Mutex<Paging>,
    requests: Mutex<BTreeMap<String, u64>>,
    running: Arc<AtomicUsize>,
    running_most: AtomicUsize,
}

impl Default for Host {
    fn default() -> Self {
        Host {
            repos: Script::new(Answer::Sound),
            records: Script::new(Answer::Sound),
            paging: Mutex::new(Paging::Sound),
            requests: Mutex::default(),
            running: Arc::default(),
            running_most: AtomicUsize::new(0),
        }
    }
}

impl Host {
    /// How lists are paged from now on.
    pub fn page(&self, paging: Paging) {
        *self.paging.lock().unwrap_or_else(PoisonError::into_inner) = paging;
    }

    pub(crate) fn paging(&self) -> Paging {
        *self.paging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a method was called, such as `com.atproto.sync.getRepo`.
    pub fn requests(&self, method: &str) -> u64 {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.get(method).copied().unwrap_or(0)
    }

    pub(crate) fn count(&self, path: &str) {
        let method = path.strip_prefix("/xrpc/").unwrap_or(path);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(method.to_owned()).or_default() += 1;
    }

    /// The most `getRepo` answers that were under way at once.
    pub fn repos_at_once(&self) -> usize {
        self.running_most.load(Ordering::Relaxed)
    }

    /// Counts an answer that is under way until the guard is dropped.
    pub(crate) fn begin(&self) -> Running {
        let now = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.running_most.fetch_max(now, Ordering::Relaxed);
        Running(Arc::clone(&self.running))
    }
}

/// An answer under way.
pub(crate) struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a request came in.
#[derive(Clone)]
pub(crate) struct Here {
    pub(crate) shared: Arc<Shared>,
    pub(crate) side: Side,
}

impl Here {
    pub(crate) fn host(&self) -> &Host {
        self.shared.host(self.side)
    }
}

impl FromRef<Here> for Arc<Shared> {
    fn from_ref(here: &Here) -> Self {
        Arc::clone(&here.shared)
    }
}
