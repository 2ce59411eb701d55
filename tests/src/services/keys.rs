//! Keys of one case's own on the shared Redis.
//!
//! Guarantees: no other case and no other run has the same; what a case leaves there goes with the handle, and what a
//! killed run left goes at the next run.

use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use redis::Commands;

use super::{BRINGS_UP, redis_url};

const PREFIX: &str = "aviary_test_";

/// What the names of a case's keys begin with. The keys are deleted when this is dropped.
pub struct RedisPrefix(String);

impl RedisPrefix {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("{PREFIX}{}_{number:04}", std::process::id()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared server's URL with this prefix in it, as the setting `queue` takes it.
    #[must_use]
    pub fn queue_url(&self) -> String {
        let url = redis_url();
        let mark = if url.contains('?') { '&' } else { '?' };
        format!("{url}{mark}prefix={}", self.0)
    }

    /// Deletes the keys now.
    ///
    /// # Panics
    /// When Redis does not answer.
    pub async fn wipe(&self) {
        let prefix = self.0.clone();
        let wiping = move || {
            let client = redis::Client::open(redis_url()).expect("a URL of Redis");
            let mut connection = client.get_connection().expect("a Redis");
            delete(&mut connection, &prefix);
        };
        tokio::task::spawn_blocking(wiping).await.expect("a wipe");
    }
}

impl Drop for RedisPrefix {
    fn drop(&mut self) {
        // A server that is gone has nothing to delete.
        if let Ok(client) = redis::Client::open(redis_url())
            && let Ok(mut connection) = client.get_connection()
        {
            delete(&mut connection, &self.0);
        }
    }
}

/// Keys begin with the prefix, or with the brace of a hash tag before it.
fn delete(connection: &mut redis::Connection, prefix: &str) {
    for pattern in [format!("{prefix}*"), format!("{{{prefix}*")] {
        for key in found(connection, &pattern) {
            // Somebody else may be sweeping the same one.
            connection.del::<_, i64>(key).ok();
        }
    }
}

fn found(connection: &mut redis::Connection, pattern: &str) -> Vec<String> {
    connection
        .scan_match::<_, String>(pattern)
        .map(|keys| keys.filter_map(Result::ok).collect())
        .unwrap_or_default()
}

/// Deletes what processes left that no longer run.
fn sweep() {
    let url = redis_url();
    let mut connection = redis::Client::open(url.as_str())
        .and_then(|client| client.get_connection())
        .unwrap_or_else(|error| panic!("no Redis at {url}: {error}\n{BRINGS_UP}"));
    if !Path::new("/proc/self").exists() {
        return;
    }
    for key in found(&mut connection, &format!("*{PREFIX}*")) {
        let pid = key
            .trim_start_matches('{')
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            connection.del::<_, i64>(key).ok();
        }
    }
}
