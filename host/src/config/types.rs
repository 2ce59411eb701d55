//! Values that are more than text: what is archived, whose stream is followed, how lines look.

use std::fmt;

use super::error::Problem;
use super::show::without_password;

/// Which collections the archive keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArchiveMode {
    /// Those that loaded plugins want.
    #[default]
    Plugins,
    /// Every one.
    All,
}

impl ArchiveMode {
    /// The setting's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plugins => "plugins",
            Self::All => "all",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Plugins, Self::All]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

/// Where a source is begun of which the store has no cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartAt {
    /// With what happens from now on.
    #[default]
    Now,
    /// With the oldest event that the source still has.
    Oldest,
}

impl StartAt {
    /// The setting's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Oldest => "oldest",
        }
    }

    /// The cursor to ask a source for that has none saved; none asks for what happens from now on.
    #[must_use]
    pub fn cursor(self) -> Option<i64> {
        match self {
            Self::Now => None,
            Self::Oldest => Some(0),
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Now, Self::Oldest]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

/// How far events are proven before they are indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyMode {
    /// Blocks, tree, signature and chain.
    #[default]
    Full,
    /// Blocks alone: what the relay says is believed, and nothing is repaired.
    Hashes,
}

impl VerifyMode {
    /// The setting's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Hashes => "hashes",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Full, Self::Hashes]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

/// Whether a host fetches by itself what was written before it followed the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackfillMode {
    /// `aviary backfill` does it when somebody asks.
    #[default]
    Off,
    /// Collections of loaded plugins that were never backfilled are, one after another.
    Auto,
}

impl BackfillMode {
    /// The setting's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Auto => "auto",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Off, Self::Auto]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object for each line.
    Json,
}

impl LogFormat {
    /// The setting's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Text, Self::Json]
            .into_iter()
            .find(|m| m.word() == word)
    }
}

/// A server's address without path: `https://host`, or `http://host:port` of the operator's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is another scheme, has no host, or has a user, a path or a query.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let expected = "a server's address such as https://plc.directory, without path";
        let bad = || Problem::unexpected(expected, text);
        let url = url::Url::parse(text).map_err(|_| bad())?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(bad());
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    /// The address, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A relay's address without path: `wss://host` or `ws://host:port`. Displayed without a password.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayUrl(String);

impl RelayUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is another scheme, has no host, or has a path or a query.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let expected = "a relay's address such as wss://relay.example, without path";
        let bad = || Problem::unexpected(expected, text);
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let host = rest.trim_end_matches('/');
        let plain = |c: char| c.is_ascii_graphic() && !"/?#".contains(c);
        if !matches!(scheme, "ws" | "wss") || host.is_empty() || !host.chars().all(plain) {
            return Err(bad());
        }
        Ok(Self(format!("{scheme}://{host}")))
    }

    /// The address as it is dialled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the same host answers XRPC.
    #[must_use]
    pub fn http(&self) -> String {
        self.0.replacen("ws", "http", 1)
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
