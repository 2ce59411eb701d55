//! What the guarded client dials: the public addresses of a name, and no other.
//!
//! The HTTP client asks this for every new connection and dials what it answers, so the check cannot be passed by a
//! name that answers differently the second time.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;
use super::dns::{Dns, DnsError};
use crate::limits;

/// Why a name is not dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotDialled {
    /// DNS said nothing.
    #[error("{0}")]
    Dns(DnsError),
    /// Every address is of a private or special network.
    #[error("expected a public address, got {0}")]
    NotPublic(IpAddr),
}

/// Resolves names for one HTTP client.
#[derive(Clone)]
pub(super) struct Guard {
    dns: Arc<dyn Dns>,
    /// Private addresses are right: only for hosts that the operator allows.
    exempt: bool,
}

impl Guard {
    pub(super) fn new(dns: Arc<dyn Dns>, exempt: bool) -> Self {
        Self { dns, exempt }
    }

    /// The addresses to dial, in the order that DNS gave.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NotDialled> {
        let mut found = self.dns.addresses(name).await.map_err(NotDialled::Dns)?;
        let first = *found.first().ok_or(NotDialled::Dns(DnsError::NotFound))?;
        if !self.exempt {
            found.retain(|address| is_public(*address));
        }
        if found.is_empty() {
            return Err(NotDialled::NotPublic(first));
        }
        found.truncate(limits::NET_ADDRESSES_MAX);
        Ok(found)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.addresses(name.as_str()).await?;
            // Port 0: the client puts the address's own there.
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;

    /// Answers in turn, then the last one for ever.
    struct Turns(Vec<&'static [&'static str]>, AtomicUsize);

    #[async_trait]
    impl Dns for Turns {
        async fn addresses(&self, _: &str) -> Result<Vec<IpAddr>, DnsError> {
            let turn = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
            Ok(self.0[turn].iter().map(|a| a.parse().unwrap()).collect())
        }

        async fn txt(&self, _: &str) -> Result<Vec<String>, DnsError> {
            Err(DnsError::NotFound)
        }
    }

    fn guard(exempt: bool, turns: Vec<&'static [&'static str]>) -> Guard {
        Guard::new(Arc::new(Turns(turns, AtomicUsize::new(0))), exempt)
    }

    #[tokio::test]
    async fn every_answer_is_judged_on_its_own() {
        let guard = guard(
            false,
            vec![
                &["1.1.1.1"],
                &["127.0.0.1"],
                &["10.0.0.1", "8.8.8.8", "::1"],
                &[],
            ],
        );
        let ask = async || guard.addresses("rebind.example").await;
        assert_eq!(ask().await, Ok(vec!["1.1.1.1".parse().unwrap()]));
        let private = ask().await;
        assert_eq!(
            private,
            Err(NotDialled::NotPublic("127.0.0.1".parse().unwrap()))
        );
        assert_eq!(ask().await, Ok(vec!["8.8.8.8".parse().unwrap()]));
        assert_eq!(ask().await, Err(NotDialled::Dns(DnsError::NotFound)));
    }

    #[tokio::test]
    async fn allowed_hosts_are_dialled_wherever_they_are() {
        let guard = guard(true, vec![&["127.0.0.1"]]);
        assert_eq!(
            guard.addresses("pds").await,
            Ok(vec!["127.0.0.1".parse().unwrap()])
        );
    }
}
