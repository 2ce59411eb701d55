//! The one outbound HTTP client, guarded against what addresses from strangers can do.
//!
//! Guarantees: only `https` on port 443 of hosts whose addresses are public, except hosts that the operator allows;
//! an address is checked after the name is resolved, and the one that passed is the one that is dialled, so a name
//! cannot change its mind between; redirects go through the same checks; every answer has bounds in time and bytes,
//! every host in requests at once; a host that says "later" is left alone until then. No proxy from the environment,
//! no decompression. Does not interpret bodies, and tries nothing twice.

mod address;
mod body;
mod dns;
mod error;
mod fetch;
mod guard;
mod places;
mod target;
mod tls;

use std::sync::Arc;

use bytes::Bytes;

pub use address::is_public;
pub use body::BodyStream;
pub use dns::{Dns, DnsError, SystemDns};
pub use error::NetError;

use crate::config::AllowedHosts;
use crate::limits;
use fetch::Fetcher;

/// What a client is made from.
#[derive(Clone)]
pub struct NetOptions {
    /// Hosts of the operator's own: `http`, any port that is named, and private addresses are right for them.
    pub allowed: AllowedHosts,
    /// Where names are looked up.
    pub dns: Arc<dyn Dns>,
}

/// Bounds of an answer that is read whole.
#[derive(Clone, Copy, Debug)]
pub struct GetLimits {
    /// The body (bytes).
    pub bytes_max: usize,
    /// From the call to the last byte (ms).
    pub total_ms: u64,
    /// Redirects that are followed, at most [`limits::NET_REDIRECTS_MAX`].
    pub redirects_max: u8,
}

/// Bounds of an answer that is read in chunks.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// The body (bytes).
    pub bytes_max: u64,
    /// From the call to the answer's head (ms).
    pub head_ms: u64,
    /// Between two chunks (ms).
    pub idle_ms: u64,
    /// Least rate over the time that the reader waited (bytes per second), once that is longer than `idle_ms`.
    pub bytes_per_s_min: u64,
    /// Of all waiting for chunks together (ms).
    pub total_ms: u64,
    /// Redirects that are followed, at most [`limits::NET_REDIRECTS_MAX`].
    pub redirects_max: u8,
}

/// The client. Clones share connections and bounds.
#[derive(Clone)]
pub struct Client(Arc<Fetcher>);

impl Client {
    /// A client; opens nothing.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(options: NetOptions) -> Result<Self, NetError> {
        Ok(Self(Arc::new(Fetcher::new(options)?)))
    }

    /// Reads an answer whole.
    ///
    /// # Errors
    /// When the address is refused, the answer is not a success, or a bound is passed.
    pub async fn get(&self, url: &str, bounds: GetLimits) -> Result<Bytes, NetError> {
        let read = async {
            let answer = self.0.send(url, bounds.redirects_max).await?;
            body::whole(answer, bounds.bytes_max).await
        };
        within(bounds.total_ms, "the answer", read).await
    }

    /// Begins to read an answer; the body comes in chunks.
    ///
    /// # Errors
    /// When the address is refused, the answer is not a success, or its head does not come in time.
    pub async fn open(&self, url: &str, bounds: StreamLimits) -> Result<BodyStream, NetError> {
        let head = self.0.send(url, bounds.redirects_max);
        let answer = within(bounds.head_ms, "the answer's head", head).await?;
        BodyStream::new(answer, bounds)
    }

    /// The texts of a name's TXT records.
    ///
    /// # Errors
    /// When DNS does not answer in time.
    pub async fn txt(&self, name: &str, total_ms: u64) -> Result<Vec<String>, NetError> {
        let ask = async {
            let found = self.0.dns().txt(name).await;
            match found {
                Ok(mut texts) => {
                    texts.truncate(limits::TXT_RECORDS_MAX);
                    Ok(texts)
                }
                Err(DnsError::NotFound) => Ok(Vec::new()),
                Err(error @ DnsError::Unavailable(_)) => Err(NetError::dns(name, error)),
            }
        };
        within(total_ms, "DNS", ask).await
    }

    /// Whether the operator allows this host and port.
    #[must_use]
    pub fn allows(&self, host: &str, port: u16) -> bool {
        self.0.allowed().holds(host, port)
    }
}

async fn within<T>(
    total_ms: u64,
    what: &'static str,
    work: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    let limit = std::time::Duration::from_millis(total_ms);
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(NetError::Timeout { what, total_ms }))
}
