//! What can be wrong with a manifest; each message says what was expected and what came.

/// A manifest that cannot be used. All of these are the plugin author's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not TOML or JSON of the right shape.
    #[error("manifest does not parse: {message}")]
    Parse {
        /// The parser's own words, with the place.
        message: String,
    },
    /// A column's text.
    #[error(
        "expected a column as \"name type\" or \"name type?\" (types: text integer real boolean time bytes json did at-uri), got {got:?}"
    )]
    Column {
        /// What was there.
        got: String,
    },
    /// An index term's text.
    #[error("expected an index term as \"column\" or \"column desc\", got {got:?}")]
    IndexTerm {
        /// What was there.
        got: String,
    },
    /// A parameter's text.
    #[error("expected a parameter type such as \"text\" or \"at-uri[]\", got {got:?}")]
    Param {
        /// What was there.
        got: String,
    },
    /// A rule that concerns several parts of the manifest.
    #[error("{place}: {message}")]
    Rule {
        /// Where, such as `tables.status.key`.
        place: String,
        /// What was expected and what came.
        message: String,
    },
}
