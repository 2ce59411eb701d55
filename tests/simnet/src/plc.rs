//! The PLC directory: `GET /{did}` answers the DID document of an account that has joined.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::network::Shared;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(
            "/_health",
            get(async || Json(json!({ "version": "simnet" }))),
        )
        .route("/{did}", get(document))
        .with_state(shared)
}

async fn document(State(shared): State<Arc<Shared>>, Path(did): Path<String>) -> Response {
    let document = shared
        .world()
        .account(&did)
        .map(|account| account.document(&shared.pds_endpoint));
    match document {
        Some(document) => {
            let kind = [(header::CONTENT_TYPE, "application/did+ld+json")];
            (kind, document.to_string()).into_response()
        }
        None => {
            let message = json!({ "message": format!("DID not registered: {did}") });
            (StatusCode::NOT_FOUND, Json(message)).into_response()
        }
    }
}
