//! The documents of the methods that the host itself answers.

use crate::atproto::lexicon::{Catalog, LexiconError};

/// The documents, as JSON.
pub const CORE_LEXICONS: [&str; 3] = [
    include_str!("../../../lexicons/com/atproto/repo/describeRepo.json"),
    include_str!("../../../lexicons/com/atproto/repo/getRecord.json"),
    include_str!("../../../lexicons/com/atproto/repo/listRecords.json"),
];

/// A catalog that holds them.
///
/// # Errors
/// When one is not a lexicon document, which a test rules out.
pub fn core_catalog() -> Result<Catalog, LexiconError> {
    let mut catalog = Catalog::default();
    for document in CORE_LEXICONS {
        catalog.add(document.as_bytes())?;
    }
    Ok(catalog)
}
