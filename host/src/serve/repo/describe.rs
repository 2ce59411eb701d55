//! `com.atproto.repo.describeRepo`: who an account is, and of which collections the archive holds records.

use serde_json::{Map, Value};

use super::whose;
use crate::serve::ServeParts;
use crate::serve::error::XrpcError;

/// What stands for a handle that is not claimed, or does not point back \[handle\].
const NO_HANDLE: &str = "handle.invalid";

/// The answer's JSON, with the DID document as its directory gave it.
pub(super) async fn describe_repo(
    parts: &ServeParts,
    params: &Map<String, Value>,
) -> Result<String, XrpcError> {
    let Some(identities) = &parts.identities else {
        return Err(XrpcError::not_implemented("com.atproto.repo.describeRepo"));
    };
    let did = whose::repo(parts, params).await?;
    let account = parts.store.account(&did).await?;
    if account.is_some_and(|account| !account.active) {
        return Err(XrpcError::new(
            400,
            "RepoNotFound",
            format!("could not find repo: {did}"),
        ));
    }
    let identity = identities
        .get(&did)
        .await
        .map_err(|error| whose::not_found(did.as_str(), &error))?;
    let handle = identities.verified_handle(&did).await;
    let collections = parts.store.archived_collections(&did).await?;
    let collections: Vec<_> = collections.iter().map(|c| format!("\"{c}\"")).collect();
    // DIDs, handles and NSIDs hold nothing that JSON escapes; the document has been parsed.
    Ok(format!(
        "{{\"did\":\"{did}\",\"handle\":\"{}\",\"handleIsCorrect\":{},\"collections\":[{}],\"didDoc\":{}}}",
        handle.as_ref().map_or(NO_HANDLE, |handle| handle.as_str()),
        handle.is_some(),
        collections.join(","),
        identity.document().json,
    ))
}
