//! A simulated AT Protocol network on loopback, for tests, load and `cargo xtask dev`.
//!
//! It emits real signed bytes: accounts with secp256k1 and P-256 keys, repositories with real
//! Merkle search trees, Sync 1.1 commits, an event stream with a cursor and a back-window, the
//! `com.atproto.sync` and `com.atproto.repo` reads of a host, and a PLC directory.
//!
//! What it guarantees: the same [`Config`] with the logical clock gives the same bytes, frame by
//! frame; [`World::truth`] is exactly the state after the last event that was emitted; every
//! injected fault is counted, so that a test can prove that it fired.
//!
//! What it does not do: it takes no writes from outside, has no blobs and no accounts to log in to.
//! It shares no code with the host on purpose, because tests compare the two.

mod account;
mod car;
mod clock;
mod commit;
mod config;
mod content;
mod error;
mod faults;
mod forge;
mod frame;
mod host;
mod http;
mod jetstream;
mod keys;
pub mod limits;
mod mix;
mod network;
mod news;
mod plc;
pub mod record;
mod repository;
mod script;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod truth;
mod window;
mod world;
mod zipf;

pub use account::{Account, Status};
pub use clock::{Time, datetime};
pub use commit::{Commit, Op};
pub use config::{Config, Mix};
pub use error::Error;
pub use faults::{Fault, Faults};
pub use forge::Forgery;
pub use frame::Frame;
pub use host::{Answer, Host, Paging, Side};
pub use jetstream::{Jetstream, Twist};
pub use keys::{Curve, Key};
pub use network::{Network, Urls};
pub use plc::{Directory, Document};
pub use repository::{Head, Repository, Write};
pub use script::Script;
pub use truth::{AccountTruth, LatestCommit, RecordTruth, Truth};
pub use world::{Announced, Junk, World};

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;
