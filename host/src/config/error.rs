//! What can be wrong with settings.

use std::path::PathBuf;

use super::layers::Origin;
use super::show::without_password;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file that was named cannot be read.
    #[error("cannot read the settings file {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: not TOML: {message}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The parser's words.
        message: String,
    },
    /// A key that nobody reads.
    #[error("{origin}: unknown setting {name}{}", suggestion(nearest.as_deref()))]
    UnknownKey {
        /// With its section.
        name: String,
        /// Where.
        origin: Origin,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// A variable that nobody reads.
    #[error("unknown environment variable {name}{}", suggestion(nearest.as_deref()))]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// A value that its key does not take.
    #[error("{key} ({origin}): {problem}")]
    Value {
        /// With its section.
        key: String,
        /// Where it was given.
        origin: Origin,
        /// What is wrong.
        problem: Problem,
    },
}

/// What is wrong with a value; a password in it is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

impl Problem {
    pub(super) fn unexpected(expected: &str, got: &str) -> Self {
        Self(format!(
            "expected {expected}, got {:?}",
            without_password(got)
        ))
    }

    pub(super) fn saying(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; `aviary config` lists all".to_owned(),
        |name| format!("; did you mean {name}?"),
    )
}
