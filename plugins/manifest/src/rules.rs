//! Rules that hold a manifest's parts together.

use crate::{Manifest, ManifestError};

pub(crate) fn check(_manifest: &Manifest) -> Result<(), ManifestError> {
    Ok(())
}
