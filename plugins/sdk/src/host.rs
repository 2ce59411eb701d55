//! What the host offers to every plugin. On the author's machine [`crate::testing`] answers in its place.

use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::wit::types::{Param, Value};

pub use crate::wit::log::Level;
pub use crate::wit::records::StoredRecord;

/// One line for the operator's log. The host limits how many, cuts long ones and escapes what is not text.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::wit::log::emit(level, message);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::emit(level, message);
}

/// `[plugins.NAME.settings]` of the operator's `aviary.toml` as a type of the author's.
///
/// # Errors
/// When the settings do not fit it.
pub fn settings<T: DeserializeOwned>() -> Result<T, serde_json::Error> {
    #[cfg(target_family = "wasm")]
    let text = crate::wit::settings::get();
    #[cfg(not(target_family = "wasm"))]
    let text = crate::testing::settings_text();
    serde_json::from_str(&text)
}

/// Records from the host's archive, one answer for each URI; in methods only.
#[must_use]
pub fn records(uris: &[String]) -> Vec<Option<StoredRecord>> {
    #[cfg(target_family = "wasm")]
    return crate::wit::records::get(uris);
    #[cfg(not(target_family = "wasm"))]
    return crate::testing::archived(uris);
}

pub(crate) fn read(name: &str, params: &[Param]) -> Result<Vec<Vec<Value>>, StoreError> {
    #[cfg(target_family = "wasm")]
    return crate::wit::store::read(name, params)
        .map(|page| page.rows)
        .map_err(StoreError::from);
    #[cfg(not(target_family = "wasm"))]
    return crate::testing::answer_read(name, params);
}
