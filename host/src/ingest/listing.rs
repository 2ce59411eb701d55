//! Lists of repositories that a relay or a host gives, page by page \[sync, `listRepos` and `listReposByCollection`\].
//!
//! Guarantees: a list ends where a page has no cursor, whatever pages before it are empty; one that leads back to where
//! it was is an error.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use serde::Deserialize;

use crate::atproto::{Did, Nsid, Tid};
use crate::fault::{Class, Classify};
use crate::limits;
use crate::net::{Client, GetLimits, NetError};

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The host does not answer as it should.
    #[error("listing repositories: {0}")]
    Net(#[from] NetError),
    /// The answer is not a list.
    #[error("expected a list of repositories from {host}, got: {source}")]
    Shape {
        /// Who answered.
        host: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The list would never end.
    #[error("expected {host}'s list to go on, got the cursor {cursor:?} again")]
    Circle {
        /// Who answered.
        host: String,
        /// The cursor.
        cursor: String,
    },
}

impl Classify for ListingError {
    fn class(&self) -> Class {
        match self {
            Self::Net(e) => e.class(),
            Self::Shape { .. } | Self::Circle { .. } => Class::Reject,
        }
    }
}

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Every repository of a host.
    All,
    /// Those that have records of a collection.
    Collection(Nsid),
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Whose, and at which rev where the list tells it. What is not a DID or rev is left out.
    pub(super) repos: Vec<(Did, Option<Tid>)>,
    /// Where the next page begins; none after the last.
    pub(super) cursor: Option<String>,
}

/// The cursors of one list so far, 8 bytes each.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    cursors: HashSet<u64>,
}

impl Seen {
    /// Notes where the list was; says whether it was there before.
    fn again(&mut self, cursor: &str) -> bool {
        !self.cursors.insert(self.hasher.hash_one(cursor))
    }
}

#[derive(Deserialize)]
struct Wire {
    repos: Vec<WireRepo>,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct WireRepo {
    did: String,
    #[serde(default)]
    rev: Option<String>,
}

impl Listing {
    /// Asks `host` (scheme and authority) for the page at `cursor`. `seen`: where this list was.
    ///
    /// # Errors
    /// When the host does not answer, or not with a list that goes on.
    pub(super) async fn page(
        &self,
        client: &Client,
        host: &str,
        cursor: Option<&str>,
        seen: &mut Seen,
    ) -> Result<Page, ListingError> {
        let bounds = GetLimits {
            bytes_max: limits::LISTING_BYTES_MAX,
            total_ms: limits::LISTING_MS_MAX,
            redirects_max: limits::NET_REDIRECTS_MAX,
        };
        let body = client.get(&self.url(host, cursor), bounds).await?;
        let shape = |source| ListingError::Shape {
            host: host.to_owned(),
            source,
        };
        let wire: Wire = serde_json::from_slice(&body).map_err(shape)?;
        let next = wire.cursor.filter(|c| !c.is_empty());
        if let Some(cursor) = next.as_deref().filter(|next| seen.again(next)) {
            return Err(ListingError::Circle {
                host: host.to_owned(),
                cursor: cursor.to_owned(),
            });
        }
        let repos = wire.repos.into_iter().filter_map(|repo| {
            let rev = repo.rev.as_deref().and_then(|rev| Tid::parse(rev).ok());
            Some((Did::parse(&repo.did).ok()?, rev))
        });
        Ok(Page {
            repos: repos.collect(),
            cursor: next,
        })
    }

    fn url(&self, host: &str, cursor: Option<&str>) -> String {
        let limit = limits::LISTING_PAGE_ROWS;
        let (method, collection) = match self {
            Self::All => ("listRepos", String::new()),
            // An NSID has nothing that a query escapes.
            Self::Collection(nsid) => ("listReposByCollection", format!("&collection={nsid}")),
        };
        let cursor = cursor.map_or_else(String::new, |c| {
            let escaped: String = url::form_urlencoded::byte_serialize(c.as_bytes()).collect();
            format!("&cursor={escaped}")
        });
        format!("{host}/xrpc/com.atproto.sync.{method}?limit={limit}{collection}{cursor}")
    }
}
