//! What the cases share: where things are, a host as a child process, truth to compare with, and table dumps.
//!
//! Guarantees: every child process ends with its handle; every folder is temporary. Holds no expectations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a case that cannot go on fails"
)]

pub mod dump;
pub mod guests;
pub mod host;
pub mod http;
pub mod place;
pub mod recording;
pub mod shared_data;

pub use host::HostProcess;
