//! From the queue into the archive, and from the archive's change feed through plugins into rows.
//!
//! Guarantees:
//! - the host consumer alone reads the queue; its transaction holds records, repo state, accounts, marks and pos;
//! - one consumer for each plugin generation follows the feed by itself: a slow, failing or paused plugin holds back
//!   neither the queue, nor the cursor, nor another plugin;
//! - a batch's rows, counts, dead letters and position are one unit of the store;
//! - after a crash every consumer goes on at its stored position.
//!
//! Does not know where entries come from or who reads the rows.

mod archiver;
mod batch;
mod consumer;
mod effects;
mod prepare;
mod quarantine;
mod status;

pub use archiver::Archiver;
pub use consumer::Consumer;
pub use status::{ConsumerSnapshot, ConsumerState, ConsumerStatus};
