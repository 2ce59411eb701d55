//! From the author's TOML and from the embedded JSON to a checked [`Manifest`].

use crate::{Manifest, ManifestError, rules};

/// The custom section that holds the manifest as JSON.
pub const SECTION: &str = "aviary:manifest";

impl Manifest {
    /// Reads `plugin.toml`. `lexicons` still holds the author's globs.
    ///
    /// # Errors
    /// When the text is not a manifest, with the place and what was expected.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError::Parse {
            message: e.to_string(),
        })?;
        rules::check(&manifest)?;
        Ok(manifest)
    }

    /// Reads the embedded form.
    ///
    /// # Errors
    /// When the bytes are not a manifest, with the place and what was expected.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| ManifestError::Parse {
            message: e.to_string(),
        })?;
        rules::check(&manifest)?;
        Ok(manifest)
    }
}
