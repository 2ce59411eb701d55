//! `/xrpc/_health`: the host's figures for people and scripts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::ServeParts;

/// Gives the host's figures; called for each request.
pub type HealthProvider = Arc<dyn Fn() -> BoxFuture<'static, Health> + Send + Sync>;

/// What a host says about itself.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The program's version.
    pub version: String,
    /// The upstream that is followed; none without ingest.
    pub source: Option<String>,
    /// What kind of stream it is: `relay` or `jetstream`.
    pub source_kind: String,
    /// Whether it is connected now.
    pub connected: bool,
    /// Frames read since the start.
    pub events: u64,
    /// Frames refused since the start, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// The saved cursor: what a restart goes on after.
    pub cursor: Option<i64>,
    /// Commits that the slowest consumer is behind the archive, and entries that wait to be archived.
    pub lag: u64,
    /// Rows written by plugins since the start.
    pub rows: u64,
    /// Record operations archived since the start.
    pub records: u64,
    /// Resident memory (bytes), where the system tells.
    pub resident_bytes: Option<u64>,
    /// How far events are proven before they are indexed: `full` or `hashes` with a relay; with a Jetstream what share
    /// is held against the accounts' hosts, `none`, `sample:N%` or `all`.
    pub verify: String,
    /// How the stream is; none without ingest.
    pub stream: Option<StreamHealth>,
    /// Followed repositories by state.
    pub repos: RepoHealth,
    /// Everything that is counted, since the start.
    pub counters: BTreeMap<String, u64>,
    /// The loaded plugins.
    pub plugins: Vec<PluginHealth>,
}

/// How the stream is.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamHealth {
    /// Since the last message, or the start (s).
    pub silent_s: u64,
    /// Since the saved cursor moved, or the start (s).
    pub cursor_still_s: u64,
    /// `live`, `catching-up`, `stalled`, `quiet` or `disconnected`.
    pub state: String,
    /// Collections of which nothing came for much longer than usual while the stream is live.
    pub quiet_collections: Vec<String>,
}

/// Followed repositories by state.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepoHealth {
    /// The archive has all that is wanted of them.
    pub synchronized: u64,
    /// A hole or a failed proof was met: to be fetched.
    pub desynchronized: u64,
    /// Being fetched.
    pub resyncing: u64,
    /// To be fetched when their accounts are active again.
    pub inactive: u64,
}

/// What a host says about one plugin.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginHealth {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// `running`, `quarantined` or `stopped`.
    pub state: String,
    /// What it indexes.
    pub collections: Vec<String>,
    /// What it answers.
    pub methods: Vec<String>,
    /// Commits that it is behind the archive.
    pub lag: u64,
    /// Rows written since the start.
    pub rows: u64,
    /// Dead letters since the start.
    pub dead_letters: u64,
}

pub(super) async fn health(State(parts): State<ServeParts>) -> Response {
    let health = (parts.health)().await;
    ([(header::CACHE_CONTROL, "no-store")], Json(health)).into_response()
}
