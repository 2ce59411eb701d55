//! From the author's TOML and from the embedded JSON to a checked [`Manifest`].

use serde_json::Value;

use crate::{Manifest, ManifestError, rules};

/// The custom section that holds the manifest as JSON.
pub const SECTION: &str = "aviary:manifest";

impl Manifest {
    /// Reads `plugin.toml`. `lexicons` still holds the author's globs: see [`Manifest::embed`].
    ///
    /// # Errors
    /// When the text is not a manifest, with the place and what was expected.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError::Parse {
            message: e.to_string(),
        })?;
        rules::check(&manifest)?;
        if let Some(entry) = manifest.lexicons.iter().find(|l| !l.is_string()) {
            return Err(ManifestError::Rule {
                place: "lexicons".into(),
                message: format!("expected file globs such as \"lexicons/*.json\", got {entry}"),
            });
        }
        Ok(manifest)
    }

    /// Puts lexicon documents in the place of the globs: what a component carries.
    ///
    /// # Errors
    /// When a document is not one or comes twice, or a claimed method has none.
    pub fn embed(mut self, documents: Vec<Value>) -> Result<Self, ManifestError> {
        self.lexicons = documents;
        rules::check(&self)?;
        rules::check_documents(&self)?;
        Ok(self)
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
        rules::check_documents(&manifest)?;
        Ok(manifest)
    }

    /// The embedded form: what [`Manifest::from_json`] reads.
    ///
    /// # Errors
    /// When a value cannot be written as JSON, which none of a checked manifest's can.
    pub fn to_json(&self) -> Result<String, ManifestError> {
        serde_json::to_string(self).map_err(|e| ManifestError::Parse {
            message: e.to_string(),
        })
    }
}
