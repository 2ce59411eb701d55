//! From an upstream's bytes to entries in the queue.
//!
//! Guarantees:
//! - every frame is read, counted, and either handed on, known to be of no interest, or counted as refused with a
//!   reason; a refused commit marks its repository desynchronized, and such a repository is fetched whole;
//! - what is handed on is proven: blocks, tree, signature, chain (unless the operator chose a weaker mode, which is
//!   stored with each record);
//! - the order of each account's events is the upstream's; a full queue stops the reading;
//! - a mark follows the entries that it covers, so that the saved cursor never passes them.
//!
//! Writes nothing to the store and calls no plugin.

mod accept;
mod audit;
mod backfill;
mod backoff;
mod broken;
mod commit;
mod erasure;
mod file;
mod followed;
mod jetstream;
mod lane;
mod lanes;
mod listing;
mod marks;
mod pulse;
mod relay;
mod resync;
mod scope;
mod socket;
mod sweep;
mod tries;

pub use accept::{Accepted, Intake, IntakeParts};
pub use audit::{AuditParts, run_audits};
pub use backfill::{Backfill, BackfillParts, Listed};
pub use backoff::Backoff;
pub use broken::Broken;
pub use erasure::{ErasureParts, run_erasures};
pub use file::{FileEnd, FrameFile};
pub use followed::Followed;
pub use jetstream::{
    Compression, Events, EventsParts, Gap, GapReason, JetstreamOptions, Prover, Returns,
    run_jetstream,
};
pub use lane::{LaneParts, Verify};
pub use lanes::Lanes;
pub use listing::{Listing, ListingError};
pub use pulse::{Noting, Pulse, PulseReport, StreamState};
pub use relay::{RelayOptions, run_relay};
pub use resync::{Resync, ResyncParts};
pub use scope::Scope;
pub use socket::Deadlines;
pub use sweep::{SweepParts, run_sweeps};

use crate::fault::{Class, Classify};
use crate::queue::QueueError;
use crate::store::StoreError;

/// What ends a source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The queue takes nothing more.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A list of repositories cannot be had.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// A lane ended by itself.
    #[error("a lane of ingest ended: {0}")]
    Lane(String),
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
            Self::Store(e) => e.class(),
            Self::Listing(e) => e.class(),
            Self::Lane(_) | Self::File(_) | Self::Address { .. } => Class::Fatal,
        }
    }
}
