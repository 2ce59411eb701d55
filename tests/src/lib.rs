//! What the cases share: where things are, a host as a child process, truth to compare with, table dumps, trees.
//!
//! Guarantees: every child process ends with its handle; every folder is temporary. Holds no expectations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a case that cannot go on fails"
)]

pub mod backend;
pub mod dump;
pub mod fuzz;
pub mod guests;
pub mod host;
pub mod http;
pub mod place;
pub mod proxy;
pub mod recording;
pub mod services;
pub mod shared_data;
pub mod stage;
pub mod tar;
pub mod tree;
pub mod truth;
pub mod web;

pub use backend::{Backend, Place};
pub use host::HostProcess;
pub use stage::Stage;
