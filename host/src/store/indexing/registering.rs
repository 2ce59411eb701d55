//! What registering a plugin says, whatever the database.

use std::sync::Arc;

use aviary_manifest::Manifest;

use crate::store::error::StoreError;
use crate::store::rows::GenerationId;

/// A manifest as it is stored beside its tables.
///
/// # Errors
/// [`StoreError::Refused`] when it has no text.
pub(in crate::store) fn manifest_text(manifest: &Manifest) -> Result<String, StoreError> {
    serde_json::to_string(manifest)
        .map_err(|e| StoreError::Refused(format!("the manifest cannot be stored: {e}")))
}

/// The manifest that was stored with a generation; `None`: there is no such generation.
///
/// # Errors
/// [`StoreError::Refused`] without a text, [`StoreError::Corrupt`] when it is none of ours.
pub(in crate::store) fn manifest_of(
    id: GenerationId,
    text: Option<&str>,
) -> Result<Arc<Manifest>, StoreError> {
    let text = text.ok_or_else(|| unknown(id))?;
    serde_json::from_str(text)
        .map(Arc::new)
        .map_err(|e| StoreError::Corrupt(format!("the manifest of generation {id}: {e}")))
}

/// A generation that is not there any more.
pub(in crate::store) fn unknown(id: GenerationId) -> StoreError {
    StoreError::Refused(format!(
        "generation {id} is not registered: it was replaced by a newer one"
    ))
}
