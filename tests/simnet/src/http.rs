//! XRPC reads: the parts of `com.atproto.sync`, `.repo` and `.identity` that consumers use. The relay
//! answers the first of them only.

mod car;
mod identity;
mod page;
mod params;
mod repo;
mod sync;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::account::{Account, Status};
use crate::host::{Here, Side};
use crate::stream;
use crate::world::World;

pub(crate) use params::Params;

pub(crate) fn router(here: Here) -> Router {
    let mut router = Router::new()
        .route(
            "/xrpc/_health",
            get(async || Json(json!({ "version": "simnet" }))),
        )
        .route(
            "/xrpc/com.atproto.sync.subscribeRepos",
            get(stream::subscribe),
        )
        .route("/xrpc/com.atproto.sync.getRepo", get(sync::get_repo))
        .route(
            "/xrpc/com.atproto.sync.getLatestCommit",
            get(sync::get_latest_commit),
        )
        .route(
            "/xrpc/com.atproto.sync.getRepoStatus",
            get(sync::get_repo_status),
        )
        .route("/xrpc/com.atproto.sync.listRepos", get(sync::list_repos))
        .route(
            "/xrpc/com.atproto.sync.listReposByCollection",
            get(sync::list_repos_by_collection),
        );
    if here.side == Side::Pds {
        router = router
            .route("/xrpc/com.atproto.sync.getRecord", get(sync::get_record))
            .route("/xrpc/com.atproto.repo.getRecord", get(repo::get_record))
            .route(
                "/xrpc/com.atproto.repo.listRecords",
                get(repo::list_records),
            )
            .route(
                "/xrpc/com.atproto.repo.describeRepo",
                get(repo::describe_repo),
            )
            .route(
                "/xrpc/com.atproto.identity.resolveHandle",
                get(identity::resolve_handle),
            );
    }
    let counted = middleware::from_fn_with_state(here.clone(), count);
    router.fallback(unknown).layer(counted).with_state(here)
}

async fn count(State(here): State<Here>, request: Request, next: Next) -> Response {
    here.host().count(request.uri().path());
    next.run(request).await
}

/// An XRPC error: its name and message in JSON, with an HTTP status.
#[derive(Debug)]
pub(crate) struct XrpcError {
    status: StatusCode,
    error: &'static str,
    message: String,
}

impl XrpcError {
    /// 400 with a name from the method's lexicon.
    pub(crate) fn named(error: &'static str, message: impl Into<String>) -> Self {
        XrpcError {
            status: StatusCode::BAD_REQUEST,
            error,
            message: message.into(),
        }
    }

    /// 400 `InvalidRequest`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        XrpcError::named("InvalidRequest", message)
    }
}

impl From<crate::Error> for XrpcError {
    fn from(error: crate::Error) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        XrpcError {
            status,
            error: "InternalServerError",
            message: error.to_string(),
        }
    }
}

impl IntoResponse for XrpcError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "message": self.message });
        (self.status, Json(body)).into_response()
    }
}

async fn unknown(request: Request) -> XrpcError {
    let path = request.uri().path();
    match path.strip_prefix("/xrpc/") {
        Some(method) => XrpcError {
            status: StatusCode::NOT_IMPLEMENTED,
            error: "MethodNotImplemented",
            message: format!("{method} is not implemented"),
        },
        None => XrpcError {
            status: StatusCode::NOT_FOUND,
            error: "NotFound",
            message: format!("there is nothing at {path}"),
        },
    }
}

/// An account by DID, if its repository is shown on this side.
fn hosted<'w>(world: &'w World, did: &str, side: Side) -> Result<&'w Account, XrpcError> {
    let account = known(world, did, side)?;
    let status = status_on(account, side);
    let error = match status {
        Status::Active => return Ok(account),
        Status::Deactivated => "RepoDeactivated",
        Status::Takendown => "RepoTakendown",
        Status::Suspended => "RepoSuspended",
        Status::Deleted | Status::Other(_) => "RepoNotFound",
    };
    Err(XrpcError::named(
        error,
        format!("the account is {}: {did}", status.as_str()),
    ))
}

/// An account by DID, unless it is unknown or deleted on this side.
fn known<'w>(world: &'w World, did: &str, side: Side) -> Result<&'w Account, XrpcError> {
    let account = world
        .account(did)
        .filter(|account| status_on(account, side) != Status::Deleted);
    account.ok_or_else(|| {
        XrpcError::named(
            "RepoNotFound",
            format!("could not find repo for DID: {did}"),
        )
    })
}

/// The true status, or on the relay what it claims.
fn status_on(account: &Account, side: Side) -> Status {
    match side {
        Side::Relay => account.claimed.unwrap_or(account.status),
        Side::Pds => account.status,
    }
}
