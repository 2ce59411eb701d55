//! Whose repository a request means: the parameter `repo`, a DID or a handle that its DID claims.

use serde_json::{Map, Value};

use crate::atproto::{Did, Handle};
use crate::fault::{Class, Classify};
use crate::identity::IdentityError;
use crate::serve::ServeParts;
use crate::serve::error::XrpcError;

/// The DID of the parameter `repo`.
pub(super) async fn repo(
    parts: &ServeParts,
    params: &Map<String, Value>,
) -> Result<Did, XrpcError> {
    let text = super::text(params, "repo")?;
    if text.starts_with("did:") {
        return Did::parse(text).map_err(|e| XrpcError::invalid(format!("repo: {e}")));
    }
    let handle = Handle::parse(text).map_err(|e| XrpcError::invalid(format!("repo: {e}")))?;
    let Some(identities) = &parts.identities else {
        return Err(XrpcError::invalid(format!(
            "repo must be a DID: this host does not look handles up, got {text:?}"
        )));
    };
    let found = identities.did_of(&handle).await;
    found.map_err(|error| not_found(text, &error))
}

/// What a caller is told about an identity that is not to be had.
pub(super) fn not_found(repo: &str, error: &IdentityError) -> XrpcError {
    match error.class() {
        Class::Reject => XrpcError::new(
            400,
            "RepoNotFound",
            format!("could not find repo: {repo}: {error}"),
        ),
        Class::Retry | Class::Canceled => {
            tracing::debug!(%error, "serve.identity: a look-up got no answer");
            XrpcError::unavailable(format!("{repo} could not be looked up; try again"))
        }
        Class::Fatal => {
            tracing::error!(%error, "serve.identity: a look-up failed");
            XrpcError::internal()
        }
    }
}
