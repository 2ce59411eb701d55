//! Handles: from a name to the DID that it names \[handle, "Handle Resolution"\].
//!
//! DNS first (`_atproto.`, TXT), then the name's own web site. Several DIDs in DNS are none: the web site is not asked
//! to choose between them.

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::IdentityError;
use super::flights::Flights;
use crate::atproto::{Did, Handle};
use crate::clock::Clock;
use crate::fault::{Class, Classify};
use crate::limits;
use crate::net::{Client, GetLimits, NetError};

/// Names below which nobody can own one \[handle\]; `.test` is among them unless the settings name a server for it.
const RESERVED: [&str; 8] = [
    "alt",
    "arpa",
    "example",
    "internal",
    "invalid",
    "local",
    "localhost",
    "onion",
];

/// A DID with some space around it.
const BOUNDS: GetLimits = GetLimits {
    bytes_max: limits::DID_BYTES_MAX + 64,
    total_ms: limits::IDENTITY_LOOKUP_MS,
    redirects_max: 0,
};

#[derive(Clone)]
struct Answer {
    outcome: Result<Did, IdentityError>,
    holds_until_ms: i64,
}

/// Resolves handles, and remembers.
pub(super) struct Handles {
    client: Client,
    test_handles_via: Option<String>,
    clock: Clock,
    cache: Cache<Handle, Answer>,
    flights: Flights<Handle, Answer>,
}

impl Handles {
    pub(super) fn new(client: Client, test_handles_via: Option<String>, clock: Clock) -> Self {
        let cache = Cache::builder()
            .max_capacity(limits::HANDLE_CACHE_ENTRIES)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self {
            client,
            test_handles_via,
            clock,
            cache,
            flights: Flights::new(),
        }
    }

    pub(super) async fn resolve(&self, handle: &Handle) -> Result<Did, IdentityError> {
        let now_ms = self.clock.now_us() / 1_000;
        let known = self.cache.get(handle);
        if let Some(answer) = known.filter(|answer| now_ms < answer.holds_until_ms) {
            return answer.outcome;
        }
        let ask = async {
            let outcome = self.look_up(handle).await;
            let holds_ms = match outcome.as_ref().map_err(Classify::class) {
                Ok(_) => limits::HANDLE_FRESH_MS,
                Err(Class::Reject) => limits::IDENTITY_NEGATIVE_MS,
                Err(_) => limits::IDENTITY_TROUBLE_MS,
            };
            Answer {
                outcome,
                holds_until_ms: self.clock.now_us() / 1_000 + holds_ms,
            }
        };
        let keep = |answer: &Answer| self.cache.insert(handle.clone(), answer.clone());
        self.flights.join(handle, ask, keep).await.outcome
    }

    async fn look_up(&self, handle: &Handle) -> Result<Did, IdentityError> {
        match (handle.top_level(), &self.test_handles_via) {
            ("test", Some(server)) => return self.ask_server(server, handle).await,
            ("test", None) => return Err(IdentityError::ReservedHandle(handle.clone())),
            (top, _) if RESERVED.contains(&top) => {
                return Err(IdentityError::ReservedHandle(handle.clone()));
            }
            _ => {}
        }
        let dns = self.ask_dns(handle).await;
        if let Ok(Some(did)) = dns {
            return Ok(did);
        }
        if let Err(error @ IdentityError::AmbiguousHandle { .. }) = dns {
            return Err(error);
        }
        match (self.ask_web_site(handle).await, dns) {
            (Ok(did), _) => Ok(did),
            // DNS may know what the web site does not.
            (Err(error), Err(dns)) if error.class() == Class::Reject => Err(dns),
            (Err(error), _) => Err(error),
        }
    }

    async fn ask_dns(&self, handle: &Handle) -> Result<Option<Did>, IdentityError> {
        let name = format!("_atproto.{handle}");
        let texts = self
            .client
            .txt(&name, limits::HANDLE_DNS_MS)
            .await
            .map_err(|source| net(handle, source))?;
        let named: Vec<&str> = texts
            .iter()
            .filter_map(|t| t.strip_prefix("did="))
            .collect();
        match named[..] {
            [] => Ok(None),
            [did] => Ok(Did::parse(did).ok()),
            _ => Err(IdentityError::AmbiguousHandle {
                handle: handle.clone(),
                got: named.len(),
            }),
        }
    }

    async fn ask_web_site(&self, handle: &Handle) -> Result<Did, IdentityError> {
        let url = format!("https://{handle}/.well-known/atproto-did");
        let body = self
            .client
            .get(&url, BOUNDS)
            .await
            .map_err(|source| net(handle, source))?;
        let text = std::str::from_utf8(&body).unwrap_or_default().trim();
        Did::parse(text).map_err(|_| IdentityError::NoSuchHandle(handle.clone()))
    }

    /// Names below `.test` are in nobody's DNS: their server says whose they are, by XRPC.
    async fn ask_server(&self, server: &str, handle: &Handle) -> Result<Did, IdentityError> {
        let url = format!("{server}/xrpc/com.atproto.identity.resolveHandle?handle={handle}");
        let none = || IdentityError::NoSuchHandle(handle.clone());
        let body = match self.client.get(&url, BOUNDS).await {
            Ok(body) => body,
            Err(NetError::Status { status: 400, .. }) => return Err(none()),
            Err(source) => return Err(net(handle, source)),
        };
        let said: Said = serde_json::from_slice(&body).map_err(|_| none())?;
        Did::parse(&said.did).map_err(|_| none())
    }
}

#[derive(serde::Deserialize)]
struct Said {
    did: String,
}

/// A web site that is not there, or says no, names nobody.
fn net(handle: &Handle, source: NetError) -> IdentityError {
    match source {
        NetError::NoSuchName(_) | NetError::Status { status: 404, .. } => {
            IdentityError::NoSuchHandle(handle.clone())
        }
        source => IdentityError::HandleNet {
            handle: handle.clone(),
            source,
        },
    }
}
