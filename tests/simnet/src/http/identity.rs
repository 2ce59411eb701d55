//! `com.atproto.identity.resolveHandle`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Params, XrpcError};
use crate::network::Shared;

pub(super) async fn resolve_handle(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Json<Value>, XrpcError> {
    let handle = params.required("handle")?.to_ascii_lowercase();
    let world = shared.world();
    let account = world.account_by_handle(&handle);
    let unknown = || {
        XrpcError::named(
            "HandleNotFound",
            format!("unable to resolve handle: {handle}"),
        )
    };
    let account = account.ok_or_else(unknown)?;
    Ok(Json(json!({ "did": account.did })))
}
