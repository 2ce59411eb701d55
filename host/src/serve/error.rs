//! XRPC errors: `{"error", "message"}` with a status.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::fault::{Class, Classify};
use crate::store::StoreError;

/// An error as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {error}: {message}")]
pub struct XrpcError {
    /// 400 to 599.
    pub status: u16,
    /// The error's name, as lexicons list them.
    pub error: String,
    /// For people.
    pub message: String,
}

impl XrpcError {
    /// Any error.
    #[must_use]
    pub fn new(status: u16, error: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            error: error.to_owned(),
            message: message.into(),
        }
    }

    /// 400 `InvalidRequest`: the caller has to change the request.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequest", message)
    }

    /// 501 `MethodNotImplemented`: nobody here answers this method.
    #[must_use]
    pub fn not_implemented(nsid: &str) -> Self {
        Self::new(
            501,
            "MethodNotImplemented",
            format!("this host does not implement {nsid}"),
        )
    }

    /// 500 `InternalServerError`: ours to mend; what happened is in the log and not in the answer.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            500,
            "InternalServerError",
            "something went wrong here; the operator's log says what",
        )
    }

    /// 503 `ServiceUnavailable`: the same request may work in a while.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }
}

impl From<StoreError> for XrpcError {
    fn from(error: StoreError) -> Self {
        match error.class() {
            Class::Retry | Class::Canceled => {
                tracing::warn!(%error, "serve.store: a read was not answered");
                Self::unavailable("the database did not answer; try again")
            }
            Class::Reject | Class::Fatal => {
                tracing::error!(%error, "serve.store: a read failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for XrpcError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::json!({ "error": self.error, "message": self.message });
        (
            status,
            [(header::CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response()
    }
}

/// A path that nobody serves.
pub(super) async fn no_such_path(uri: Uri) -> XrpcError {
    XrpcError::new(
        404,
        "NotFound",
        format!("there is nothing at {}", uri.path()),
    )
}

/// A path that is served, but not with this verb.
pub(super) async fn no_such_verb(method: Method, uri: Uri) -> XrpcError {
    XrpcError::new(
        405,
        "InvalidRequest",
        format!("expected GET for {}, got {method}", uri.path()),
    )
}
