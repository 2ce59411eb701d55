//! Hosts that the operator allows: their own test beds and neighbours, for which private addresses are right.

use std::fmt;
use std::sync::Arc;

use super::error::Problem;

/// Hosts, each with a port or with all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Arc<[Entry]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: String,
    port: Option<u16>,
}

impl AllowedHosts {
    /// Reads `host` and `host:port`, separated by commas; an IPv6 address is in brackets.
    ///
    /// # Errors
    /// With the first part that is neither.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let expected = "hosts such as pds.internal,localhost:2583";
        let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
        let entries: Result<Vec<_>, _> = parts
            .map(|part| Entry::parse(part).ok_or_else(|| Problem::unexpected(expected, part)))
            .collect();
        Ok(Self(entries?.into()))
    }

    /// Whether a host, as a URL has it, is among them.
    #[must_use]
    pub fn holds(&self, host: &str, port: u16) -> bool {
        self.0
            .iter()
            .any(|entry| entry.host == host && entry.port.is_none_or(|p| p == port))
    }
}

impl Entry {
    fn parse(part: &str) -> Option<Self> {
        // As in an address, so that every spelling of one host is the same.
        let url = url::Url::parse(&format!("http://{part}/")).ok()?;
        let plain = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        if !plain || part.contains(['/', '?', '#', '@']) {
            return None;
        }
        let host = url.host_str()?.to_owned();
        // The parser drops 80, the port of this scheme, although it was written.
        let port = match part.rsplit_once(':') {
            Some((_, digits)) if !part.ends_with(']') => Some(digits.parse().ok()?),
            _ => None,
        };
        Some(Self { host, port })
    }
}

impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Entry { host, port }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match port {
                Some(port) => write!(f, "{comma}{host}:{port}")?,
                None => write!(f, "{comma}{host}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_with_a_port_or_with_all() {
        let hosts = AllowedHosts::parse(" localhost:2583, PDS.internal ,[::1]:80,0x7f.1 ").unwrap();
        assert_eq!(
            hosts.to_string(),
            "localhost:2583,pds.internal,[::1]:80,127.0.0.1"
        );
        assert_eq!(AllowedHosts::parse(&hosts.to_string()), Ok(hosts.clone()));
        assert!(hosts.holds("localhost", 2583) && !hosts.holds("localhost", 443));
        assert!(hosts.holds("pds.internal", 1) && hosts.holds("127.0.0.1", 9));
        assert!(hosts.holds("[::1]", 80) && !hosts.holds("[::1]", 81));
        assert!(!AllowedHosts::default().holds("localhost", 80));
    }

    #[test]
    fn what_is_no_host_is_named() {
        for bad in [
            "http://x", "a b", "a:port", "a:99999", "me@a", "a/b", ":80", "[::1",
        ] {
            let problem = AllowedHosts::parse(&format!("ok,{bad}")).unwrap_err();
            assert!(
                problem.to_string().contains(&format!("got {bad:?}")),
                "{problem}"
            );
        }
        assert_eq!(AllowedHosts::parse(""), Ok(AllowedHosts::default()));
    }
}
