//! Every counter of the host: one enum of names, kept in atomics.
//!
//! Guarantees: adding never blocks and never allocates, but for the reasons of rejections, which are rare. Values start
//! at 0 with the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Whether a value only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rises from 0 since the start.
    Counter,
    /// What is now.
    Gauge,
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal $kind:ident;)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Counter {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Counter {
            /// All of them, in the order they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name shown, in snake case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// One line for people.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }

            /// Whether it only rises.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),+ }
            }
        }
    };
}

counters! {
    /// Frames read from the upstream.
    Frames = "frames" Counter;
    /// Frames at or below the last seq, passed over.
    FramesRepeated = "frames_repeated" Counter;
    /// Frames of a kind that this host does not know, ignored.
    FramesUnknown = "frames_unknown" Counter;
    /// `#info` frames.
    Infos = "infos" Counter;
    /// Commits without an operation that somebody wants.
    CommitsOutOfScope = "commits_out_of_scope" Counter;
    /// Wanted operations handed on.
    Ops = "ops" Counter;
    /// Wanted operations that could not be read, handed on as host dead letters.
    OpsRejected = "ops_rejected" Counter;
    /// Commits proven by tree, signature and chain.
    CommitsVerified = "commits_verified" Counter;
    /// Operations of a Jetstream proven by their accounts' hosts.
    StreamOpsProven = "stream_ops_proven" Counter;
    /// Operations of a Jetstream in whose place the proven present state was taken, for the account had moved on.
    StreamOpsReplaced = "stream_ops_replaced" Counter;
    /// Operations of a Jetstream that were to be proven, and neither were nor proved false.
    StreamOpsUnproven = "stream_ops_unproven" Counter;
    /// Frames held until their account's key was looked up.
    FramesHeld = "frames_held" Counter;
    /// Times that a followed repository was found desynchronized.
    ReposDesynchronized = "repos_desynchronized" Counter;
    /// Repositories fetched whole and proven.
    Resyncs = "resyncs" Counter;
    /// Fetches of a repository that failed.
    ResyncsFailed = "resyncs_failed" Counter;
    /// Records of fetched repositories that were held against the archive.
    ResyncRecords = "resync_records" Counter;
    /// Gaps of a whole stream, after which the upstream's list of repositories is gone through.
    StreamGaps = "stream_gaps" Counter;
    /// Repositories whose own hosts were asked for their latest commit by the audit.
    Audits = "audits" Counter;
    /// Hosts that were ahead of the archive then: looked at again after a grace.
    AuditsAhead = "audits_ahead" Counter;
    /// Repositories that wait for that second look.
    AuditSuspects = "audit_suspects" Gauge;
    /// Hosts that did not tell the audit anything of use.
    AuditsFailed = "audits_failed" Counter;
    /// Repositories of which the audit found that the stream never sent what their hosts have.
    ReposWithheld = "repos_withheld" Counter;
    /// Commits archived.
    Commits = "commits" Counter;
    /// Commits whose rev the archive had already.
    CommitsReplayed = "commits_replayed" Counter;
    /// Entries dropped, because everything of their account was erased.
    EntriesErased = "entries_erased" Counter;
    /// Record operations archived.
    Records = "records" Counter;
    /// Dead letters of the host itself.
    HostDeadLetters = "host_dead_letters" Counter;
    /// Connections to the upstream that were tried again.
    Reconnects = "reconnects" Counter;
    /// 1 while connected to the upstream.
    Connected = "connected" Gauge;
    /// Times that the queue was found to have lost entries, and was opened anew.
    QueueLost = "queue_lost" Counter;
    /// Entries of the queue that are not ours.
    QueueJunk = "queue_junk" Counter;
    /// Connections to the queue's server that do not work, and wait.
    QueueTrouble = "queue_trouble" Gauge;
    /// XRPC requests answered.
    Requests = "requests" Counter;
    /// XRPC requests answered with a status of 500 or more.
    RequestsFailed = "requests_failed" Counter;
}

/// The host's counters.
#[derive(Debug)]
pub struct Counters {
    values: [AtomicU64; Counter::ALL.len()],
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

/// Values at one moment (of each counter by itself).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By counter.
    pub values: BTreeMap<Counter, u64>,
    /// Frames refused, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    /// All at 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            values: [const { AtomicU64::new(0) }; Counter::ALL.len()],
            rejected: Mutex::default(),
        }
    }

    /// Adds to a counter.
    pub fn add(&self, counter: Counter, n: u64) {
        self.values[counter as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// Takes one off a gauge that somebody added to.
    pub fn lower(&self, counter: Counter) {
        self.values[counter as usize].fetch_sub(1, Ordering::Relaxed);
    }

    /// Sets a gauge.
    pub fn set(&self, counter: Counter, value: u64) {
        self.values[counter as usize].store(value, Ordering::Relaxed);
    }

    /// A counter's value.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.values[counter as usize].load(Ordering::Relaxed)
    }

    /// Counts one refused frame under its reason: a short, fixed name.
    pub fn reject(&self, reason: &'static str) {
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        *rejected.entry(reason).or_default() += 1;
    }

    /// All values now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            values: Counter::ALL.iter().map(|c| (*c, self.get(*c))).collect(),
            rejected: rejected.clone(),
        }
    }
}

impl Snapshot {
    /// A counter's value.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.values.get(&counter).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_by_counter_and_reason() {
        let counters = Counters::new();
        counters.add(Counter::Frames, 2);
        counters.add(Counter::Frames, 3);
        counters.set(Counter::Connected, 1);
        counters.set(Counter::Connected, 0);
        counters.reject("frame");
        counters.reject("frame");
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.get(Counter::Frames), 5);
        assert_eq!(snapshot.get(Counter::Connected), 0);
        assert_eq!(snapshot.rejected, BTreeMap::from([("frame", 2)]));
    }

    #[test]
    fn names_are_distinct_and_in_snake_case() {
        let names: std::collections::HashSet<_> = Counter::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Counter::ALL.len());
        let snake = |n: &str| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(names.into_iter().all(snake));
        assert!(Counter::ALL.iter().all(|c| c.help().trim().ends_with('.')));
    }
}
