//! The root: builds the parts of a host from its settings, owns their tasks, and ends them in data order.
//!
//! Guarantees: what is started here is ended here; a part that fails takes the host down loudly and loses nothing.

mod backfill;
mod check;
mod follow;
mod gaps;
mod health;
mod identities;
mod ingest;
mod methods;
mod moving;
mod parts;
mod pipeline;
mod pulse;
mod queues;
mod replay;
mod serve;
mod status;
mod streams;
mod usage;
mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use aviary_manifest::Manifest;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub use backfill::{
    BackfillOptions, BackfillProgress, BackfillReport, BackfillTarget, FailingRepo, backfill,
};
pub use check::check_plugin;
pub use moving::{MoveOptions, move_store};
pub use replay::replay;
pub use serve::serve;
pub use status::status;

/// How a host is told to stop.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Stop reading, drain, commit.
    pub drain: CancellationToken,
    /// Stop at once.
    pub now: CancellationToken,
}

/// What `aviary serve` adds to the settings.
pub struct ServeOptions {
    /// Whether the upstream is followed.
    pub ingest: bool,
    /// Told once, when XRPC is answered.
    pub on_listening: Box<dyn FnOnce(SocketAddr) + Send>,
}

/// What `aviary replay` adds to the settings.
pub struct ReplayOptions {
    /// The file of frames.
    pub frames: PathBuf,
    /// DID documents by DID, as a PLC directory returned them.
    pub identities: Option<PathBuf>,
    /// Told now and then.
    pub on_progress: Box<dyn Fn(ReplayProgress) + Send + Sync>,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayProgress {
    /// Of the file (bytes).
    pub read_bytes: u64,
    /// The file (bytes).
    pub total_bytes: u64,
    /// Frames so far.
    pub events: u64,
}

/// What a replay did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplaySummary {
    /// Frames read.
    pub events: u64,
    /// Commits proven by tree, signature and chain.
    pub verified: u64,
    /// Frames held until their account's key was known.
    pub held: u64,
    /// Wanted operations handed on.
    pub ops: u64,
    /// Record operations archived.
    pub records: u64,
    /// Repositories in which a hole or a failed proof was met: what the store has of them may be stale.
    pub desynchronized: u64,
    /// Rows written by plugins.
    pub rows: u64,
    /// Dead letters, the host's and the plugins'.
    pub dead_letters: u64,
    /// Frames refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// From the first frame to the last commit (s).
    pub seconds: f64,
    /// Frames in one second.
    pub events_per_s: f64,
    /// CPU time of the process (s), where the system tells.
    pub cpu_s: Option<f64>,
    /// CPU time for 1,000 frames (s).
    pub cpu_s_per_1000_events: Option<f64>,
    /// Of it, inside guests (s).
    pub guest_s: f64,
    /// The most resident memory (bytes).
    pub resident_peak_bytes: Option<u64>,
    /// Why the file's end is not a clean one; what came before it is kept.
    pub cut: Option<String>,
}

/// A plugin's file that can be loaded.
#[derive(Clone, Debug)]
pub struct CheckedPlugin {
    /// What it declares.
    pub manifest: Manifest,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The file (bytes).
    pub size_bytes: usize,
}
