//! `/xrpc/_health` for people and scripts, `/metrics` for Prometheus.

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
    /// The loaded plugins.
    pub plugins: Vec<PluginHealth>,
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

pub(super) async fn metrics(State(parts): State<ServeParts>) -> Response {
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    let text = parts.counters.snapshot().prometheus();
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
