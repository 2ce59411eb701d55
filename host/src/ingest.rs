//! From an upstream's bytes to entries in the queue.
//!
//! Guarantees:
//! - every frame is read, counted, and either handed on, known to be of no interest, or counted as refused with a
//!   reason; a refused commit marks its repository desynchronized;
//! - every block that is handed on hashes to its CID;
//! - order is the upstream's; a full queue stops the reading;
//! - a mark follows the entries that it covers, so that the saved cursor never passes them.
//!
//! Does not check signatures or trees, writes nothing to the store and calls no plugin.

mod accept;
mod backoff;
mod commit;
mod file;
mod marks;
mod relay;
mod scope;

pub use accept::Intake;
pub use backoff::Backoff;
pub use file::{FileEnd, FrameFile};
pub use relay::{RelayOptions, run_relay};
pub use scope::Scope;

use crate::fault::{Class, Classify};
use crate::queue::QueueError;

/// What ends a source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The queue takes nothing more.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A file of frames cannot be read.
    #[error("cannot read frames: {0}")]
    File(#[from] std::io::Error),
    /// The upstream's address is not one.
    #[error("expected a relay's address such as wss://relay.example, got {got:?}: {reason}")]
    Address {
        /// What was configured.
        got: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Classify for IngestError {
    fn class(&self) -> Class {
        match self {
            Self::Queue(e) => e.class(),
            Self::File(_) | Self::Address { .. } => Class::Fatal,
        }
    }
}
