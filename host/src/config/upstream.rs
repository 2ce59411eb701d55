//! What kind of stream is followed, at which addresses, and how much of one without proof is held against its origin.

use std::fmt;

use super::error::Problem;
use super::types::RelayUrl;
use crate::limits;

/// What kind of stream is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceKind {
    /// Commits with their proofs.
    #[default]
    Relay,
    /// Records as JSON, without any proof.
    Jetstream,
}

impl SourceKind {
    /// The setting's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Jetstream => "jetstream",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Relay, Self::Jetstream]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// Addresses of streams of one kind, at least one: the next is tried when the one before does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamUrls {
    first: RelayUrl,
    more: Vec<RelayUrl>,
}

impl StreamUrls {
    /// Reads addresses with commas between them.
    ///
    /// # Errors
    /// When one is not an address, one comes twice, or there are more than [`limits::SOURCES_MAX`].
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut urls: Vec<RelayUrl> = Vec::new();
        for part in text.split(',') {
            let url = RelayUrl::parse(part.trim())?;
            if urls
                .iter()
                .any(|known| known.to_string() == url.to_string())
            {
                return Err(Problem::saying(format!(
                    "expected different addresses, got {url} twice"
                )));
            }
            urls.push(url);
        }
        if urls.len() > limits::SOURCES_MAX {
            return Err(Problem::saying(format!(
                "expected at most {} addresses, got {}",
                limits::SOURCES_MAX,
                urls.len()
            )));
        }
        let first = urls.remove(0);
        Ok(Self { first, more: urls })
    }

    /// The one that is tried first.
    #[must_use]
    pub fn first(&self) -> &RelayUrl {
        &self.first
    }

    /// All of them, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &RelayUrl> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// How much of a Jetstream is held against the accounts' own hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SampleShare {
    /// Nothing: what it says is believed, and marked so.
    #[default]
    None,
    /// So many of a hundred operations, chosen by chance.
    Percent(u8),
    /// Every operation.
    All,
}

impl SampleShare {
    /// Of a hundred operations, how many.
    #[must_use]
    pub fn percent(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Percent(percent) => percent,
            Self::All => 100,
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "all" => Some(Self::All),
            _ => {
                let percent = word.strip_prefix("sample:")?.strip_suffix('%')?;
                let percent = percent.parse().ok()?;
                (1..=99)
                    .contains(&percent)
                    .then_some(Self::Percent(percent))
            }
        }
    }
}

impl fmt::Display for SampleShare {
    /// The setting's word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Percent(percent) => write!(f, "sample:{percent}%"),
            Self::All => f.write_str("all"),
        }
    }
}
