//! The XRPC server: repository reads from the archive, plugins' methods, health and metrics.
//!
//! Guarantees: every answer below `/xrpc/` is what the method's lexicon promises or `{"error", "message"}`; parameters
//! are checked against the lexicon before anybody sees them; requests have bounds in time, size and number. Writes
//! nothing, and knows plugins only as a [`MethodHost`].

mod error;
mod health;
mod layers;
mod lexicons;
mod methods;
mod metrics;
mod overview;
mod repo;
mod xrpc;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

pub use error::XrpcError;
pub use health::{Health, HealthProvider, PluginHealth, RepoHealth, StreamHealth};
pub use lexicons::{CORE_LEXICONS, core_catalog};
pub use methods::{MethodHost, MethodRequest, MethodResponse, Payload};

use crate::atproto::lexicon::Catalog;
use crate::identity::Identities;
use crate::store::Store;
use crate::telemetry::Counters;

/// What the server reads from.
#[derive(Clone)]
pub struct ServeParts {
    /// Whether queries are answered; health and figures are in any case.
    pub xrpc: bool,
    /// Records.
    pub store: Arc<dyn Store>,
    /// [`core_catalog`] and the documents of the loaded plugins.
    pub catalog: Arc<Catalog>,
    /// The loaded plugins' methods.
    pub methods: Arc<dyn MethodHost>,
    /// Whose a handle is; without it a repository is named by its DID alone.
    pub identities: Option<Arc<Identities>>,
    /// The host's figures.
    pub health: HealthProvider,
    /// For `/metrics`; requests are counted here.
    pub counters: Arc<Counters>,
    /// Bounds of one request.
    pub bounds: Bounds,
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Time from the request's head to the answer's.
    pub request: Duration,
    /// A body (bytes).
    pub request_bytes: usize,
}

/// The router with all its layers.
pub fn router(parts: ServeParts) -> Router {
    let figures = Router::new()
        .route("/", get(overview::page))
        .route("/metrics", get(metrics::metrics))
        .route("/xrpc/_health", get(health::health));
    let all = if parts.xrpc {
        figures.route("/xrpc/{nsid}", any(xrpc::dispatch))
    } else {
        figures
    };
    let routes = all
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_verb)
        .with_state(parts.clone());
    layers::around(routes, &parts)
}

/// Serves until `shutdown`, then finishes what was begun.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    listener: TcpListener,
    parts: ServeParts,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // An answer is written whole: waiting for more to send would only delay it.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "serve.nodelay: the socket keeps its default");
        }
    });
    axum::serve(listener, router(parts))
        .with_graceful_shutdown(shutdown)
        .await
}

#[cfg(test)]
mod tests;
