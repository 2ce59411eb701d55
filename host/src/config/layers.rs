//! Values as given, each with where it came from; a later layer replaces an earlier one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::error::{ConfigError, Problem};
use super::keys::{self, Key};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A settings file.
    File {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The environment.
    Variable(String),
    /// The command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value before it is typed.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// What all layers together say, by key path.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers(BTreeMap<&'static str, Given>);

impl Layers {
    pub(super) fn set(&mut self, key: &'static Key, given: Given) {
        self.0.insert(key.path, given);
    }

    pub(super) fn extend(&mut self, values: impl IntoIterator<Item = (&'static Key, Given)>) {
        for (key, given) in values {
            self.set(key, given);
        }
    }

    pub(super) fn get(&self, key: &Key) -> Given {
        self.0.get(key.path).cloned().unwrap_or_else(|| Given {
            text: key.default_text(),
            origin: Origin::Default,
        })
    }

    /// The value, by a reader that says no without words.
    pub(super) fn parsed<T>(
        &self,
        key: &'static Key,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        self.checked(key, |text| {
            parse(text).ok_or_else(|| Problem::unexpected(expected, text))
        })
    }

    /// The value, by a reader that says what is wrong.
    pub(super) fn checked<T>(
        &self,
        key: &'static Key,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<T, ConfigError> {
        let Given { text, origin } = self.get(key);
        parse(&text).map_err(|problem| ConfigError::Value {
            key: key.path.to_owned(),
            origin,
            problem,
        })
    }
}

/// What the command line may set.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--store`
    pub store: Option<String>,
    /// `--roles`
    pub roles: Option<String>,
    /// `--archive`
    pub archive: Option<String>,
    /// `--plugins`
    pub plugins_dir: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--source`
    pub source: Option<String>,
    /// `--relay`
    pub relay: Option<String>,
    /// `--jetstream`
    pub jetstream: Option<String>,
}

impl Flags {
    pub(super) fn values(self) -> Vec<(&'static Key, Given)> {
        [
            (&keys::STORE, "--store", self.store),
            (&keys::ROLES, "--roles", self.roles),
            (&keys::ARCHIVE, "--archive", self.archive),
            (&keys::PLUGINS_DIR, "--plugins", self.plugins_dir),
            (&keys::LISTEN, "--listen", self.listen),
            (&keys::SOURCE, "--source", self.source),
            (&keys::RELAY, "--relay", self.relay),
            (&keys::JETSTREAM, "--jetstream", self.jetstream),
        ]
        .into_iter()
        .filter_map(|(key, flag, text)| {
            let origin = Origin::Flag(flag);
            Some((
                key,
                Given {
                    text: text?,
                    origin,
                },
            ))
        })
        .collect()
    }
}
