//! Names: a small trait, and the system's resolvers behind it.

use std::net::IpAddr;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError as HickoryError;
use hickory_resolver::proto::rr::RData;

use super::error::NetError;

/// Why a name gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// There is no such name, or it has no such records.
    #[error("there is no such name")]
    NotFound,
    /// No answer; the same question may be answered later.
    #[error("DNS did not answer: {0}")]
    Unavailable(String),
}

/// Looks names up.
#[async_trait]
pub trait Dns: Send + Sync + 'static {
    /// A name's addresses.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsError>;
    /// The texts of a name's TXT records, each joined from its pieces.
    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError>;
}

/// The resolvers that the system names. Bounds of its own: timeouts, tries, and a cache by time to live.
pub struct SystemDns(TokioResolver);

impl SystemDns {
    /// Reads the system's settings, `/etc/resolv.conf`.
    ///
    /// # Errors
    /// When there are none.
    pub fn new() -> Result<Self, NetError> {
        let setup = |e: HickoryError| {
            NetError::Setup(format!(
                "expected the system's DNS settings (/etc/resolv.conf), got: {e}"
            ))
        };
        let builder = TokioResolver::builder_tokio().map_err(setup)?;
        Ok(Self(builder.build().map_err(setup)?))
    }
}

#[async_trait]
impl Dns for SystemDns {
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsError> {
        let found = self.0.lookup_ip(absolute(name)).await.map_err(error)?;
        Ok(found.iter().collect())
    }

    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let found = self.0.txt_lookup(absolute(name)).await.map_err(error)?;
        let texts = found.answers().iter().filter_map(|record| {
            let RData::TXT(txt) = &record.data else {
                return None;
            };
            String::from_utf8(txt.txt_data.concat()).ok()
        });
        Ok(texts.collect())
    }
}

/// Names with a dot are whole: without the dot at the end the system's search list would be tried too.
fn absolute(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') {
        format!("{name}.")
    } else {
        name.to_owned()
    }
}

fn error(error: HickoryError) -> DnsError {
    if error.is_no_records_found() || error.is_nx_domain() {
        DnsError::NotFound
    } else {
        DnsError::Unavailable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_dot_are_not_searched_for() {
        assert_eq!(absolute("pds.example.com"), "pds.example.com.");
        assert_eq!(absolute("pds.example.com."), "pds.example.com.");
        assert_eq!(absolute("pds"), "pds");
    }
}
