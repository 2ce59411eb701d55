//! What an operator sees of a running host: log lines on stderr, and counters with their names in one place.
//!
//! Guarantees: standard output is left to the command's own answer; a counter's name never changes between the places
//! that show it. Does not send anything anywhere.

mod counters;
mod log;
mod prometheus;

pub use counters::{Counter, Counters, Kind, Snapshot};
pub use log::{TelemetryError, init};
pub use prometheus::Page;
