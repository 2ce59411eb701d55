//! How a world is made and served.

use std::net::{Ipv4Addr, SocketAddr};

use crate::clock::Time;
use crate::limits;

/// A world and how it is served. Two worlds of equal `seed`, `accounts`, `mix`, `rotate_keys` and a
/// logical `time` are equal to the byte, whatever the rest says; documents name the served URL.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of everything random.
    pub seed: u64,
    /// Accounts. Nineteen of twenty exist from the start, the others join while the network runs.
    pub accounts: usize,
    /// Where timestamps, revisions and record keys come from.
    pub time: Time,
    /// How often each kind of event happens.
    pub mix: Mix,
    /// Whether identity events may change a signing key. A recording keeps the last key only, so its
    /// older commits would no longer verify: off by default.
    pub rotate_keys: bool,
    /// Events kept for cursors.
    pub window_events: usize,
    /// Bytes of events kept for cursors.
    pub window_bytes: usize,
    /// How long emission waits for a connected consumer (ms).
    pub slow_consumer_ms: u64,
    /// Events of a Jetstream kept for cursors.
    pub jetstream_events: usize,
    /// Where the relay listens. Port 0: any free one.
    pub listen: SocketAddr,
    /// Where the repositories' host listens. Port 0: any free one.
    pub pds_listen: SocketAddr,
    /// Where the PLC directory listens. Port 0: any free one.
    pub plc_listen: SocketAddr,
    /// Where the Jetstream listens. Port 0: any free one.
    pub jetstream_listen: SocketAddr,
    /// The PDS endpoint that DID documents name. `None`: the address that `pds_listen` got.
    pub pds_endpoint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Config {
            seed: 1,
            accounts: 50,
            time: Time::default(),
            mix: Mix::default(),
            rotate_keys: false,
            window_events: limits::WINDOW_EVENTS,
            window_bytes: limits::WINDOW_BYTES,
            slow_consumer_ms: limits::SLOW_CONSUMER_MS,
            jetstream_events: limits::WINDOW_EVENTS,
            listen: any_port,
            pds_listen: any_port,
            plc_listen: any_port,
            jetstream_listen: any_port,
            pds_endpoint: None,
        }
    }
}

/// Relative weights of what happens next. The default is in tenths of a percent, about.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are the events")]
pub struct Mix {
    pub likes: u32,
    pub follows: u32,
    pub reposts: u32,
    pub posts: u32,
    pub statuses: u32,
    /// Profiles and statuses mostly, posts rarely.
    pub updates: u32,
    /// Deletes of records that exist.
    pub deletes: u32,
    /// Commits of several operations, a few of them of the most that a commit may have.
    pub batches: u32,
    /// `#identity`: a new handle, or nothing new.
    pub identities: u32,
    /// `#account`: leaving and coming back.
    pub account_statuses: u32,
    /// `#sync` that announces what everybody knows.
    pub syncs: u32,
    /// A new account: `#identity`, `#account`, a first commit, `#sync`.
    pub joins: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            likes: 550,
            follows: 120,
            reposts: 60,
            posts: 150,
            statuses: 50,
            updates: 35,
            deletes: 80,
            batches: 8,
            identities: 2,
            account_statuses: 3,
            syncs: 1,
            joins: 2,
        }
    }
}
