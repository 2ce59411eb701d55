//! Named places at which a test has the process die as if it were killed: `CRASH_AT=NAME:N`, at the N-th passing.
//!
//! Guarantees: without the variable, and in every release build, a place does nothing; dying runs no destructor, writes
//! nothing and answers nobody. Only cases set the variable.

/// The places, so that a case can go over all of them.
pub const PLACES: [&str; 10] = [
    RECEIVED,
    APPENDED,
    ARCHIVE_BEGINS,
    COMMITS,
    ARCHIVED,
    TRIMS,
    INDEX_BEGINS,
    INDEXED,
    SNAPSHOT,
    SNAPSHOT_ENDS,
];

/// A frame was read, nothing was done with it.
pub const RECEIVED: &str = "received";
/// An entry is in the queue.
pub const APPENDED: &str = "appended";
/// A batch was read from the queue, nothing is written.
pub const ARCHIVE_BEGINS: &str = "archive-begins";
/// A transaction of the store is written and not committed: the first are registrations.
pub const COMMITS: &str = "commits";
/// A batch is committed, nobody was told.
pub const ARCHIVED: &str = "archived";
/// Consumers were told of a batch, the queue was not.
pub const TRIMS: &str = "trims";
/// A guest has answered, nothing is written.
pub const INDEX_BEGINS: &str = "index-begins";
/// Rows and position are committed.
pub const INDEXED: &str = "indexed";
/// A chunk of a snapshot is in the queue.
pub const SNAPSHOT: &str = "snapshot";
/// The end of a snapshot is in the queue.
pub const SNAPSHOT_ENDS: &str = "snapshot-ends";

/// Passes a place.
#[cfg(not(debug_assertions))]
#[inline]
pub fn at(_place: &str) {}

/// Passes a place.
#[cfg(debug_assertions)]
pub fn at(place: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Where, and how many passings are left.
    static CRASH: OnceLock<Option<(String, AtomicU64)>> = OnceLock::new();
    let crash = CRASH.get_or_init(|| {
        let asked = std::env::var("CRASH_AT").ok()?;
        let (name, nth) = asked.split_once(':')?;
        Some((name.to_owned(), AtomicU64::new(nth.parse().ok()?)))
    });
    if let Some((name, left)) = crash
        && name == place
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        // As SIGKILL would: no destructor runs, nothing is flushed. The signal tells a case that it was this.
        std::process::abort();
    }
}
