//! Whether an address may be asked, as far as the text says it.
//!
//! Names are judged by what they resolve to, in `guard.rs`; this is everything else.

use url::{Host, Url};

use super::address::is_public;
use super::error::NetError;
use crate::config::AllowedHosts;

/// An address that may be asked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    /// Host and port, for the bounds of each.
    pub(super) place: String,
    /// Of the operator's own: exempt from the check of what its name resolves to.
    pub(super) is_allowed: bool,
}

impl Target {
    /// Reads an address.
    pub(super) fn parse(text: &str, allowed: &AllowedHosts) -> Result<Self, NetError> {
        let url = Url::parse(text).map_err(|e| NetError::refused(text, e.to_string()))?;
        Self::check(url, allowed)
    }

    /// The address that a redirect names.
    pub(super) fn redirect(&self, to: &str, allowed: &AllowedHosts) -> Result<Self, NetError> {
        let refused = |reason: &str| NetError::refused(to, format!("in a redirect: {reason}"));
        let url = self.url.join(to).map_err(|e| refused(&e.to_string()))?;
        if self.url.scheme() == "https" && url.scheme() != "https" {
            return Err(refused("expected https to stay https"));
        }
        Self::check(url, allowed)
    }

    fn check(url: Url, allowed: &AllowedHosts) -> Result<Self, NetError> {
        let refused = |reason: &str| NetError::refused(url.as_str(), reason);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("expected https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("expected no user and no password"));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(refused("expected a host"));
        };
        let is_allowed = allowed.holds(host, port);
        if !is_allowed {
            if url.scheme() != "https" {
                return Err(refused("expected https; net.allow exempts a host"));
            }
            if port != 443 {
                return Err(refused("expected port 443; net.allow exempts a host"));
            }
            let literal = match url.host() {
                Some(Host::Ipv4(v4)) => Some(v4.into()),
                Some(Host::Ipv6(v6)) => Some(v6.into()),
                _ => None,
            };
            if literal.is_some_and(|address| !is_public(address)) {
                return Err(refused(
                    "expected a public address; net.allow exempts a host",
                ));
            }
        }
        let place = format!("{host}:{port}");
        Ok(Self {
            url,
            place,
            is_allowed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Class, Classify};

    fn allowed() -> AllowedHosts {
        AllowedHosts::parse("localhost:2583,10.0.0.7").unwrap()
    }

    #[test]
    fn addresses_that_are_refused_by_their_text() {
        for text in [
            "http://example.com/",
            "https://example.com:8443/",
            "https://me@example.com/",
            "https://me:you@example.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://127.0.0.1./",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fe80::1]/",
            "https://169.254.169.254/latest/",
            "https://0.0.0.0/",
            "https://localhost:2584/",
            "http://localhost/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://",
            "example.com",
            "data:text/plain,x",
        ] {
            let error = Target::parse(text, &allowed()).unwrap_err();
            assert!(matches!(error, NetError::Refused { .. }), "{text}: {error}");
            assert_eq!(error.class(), Class::Reject, "{text}");
        }
    }

    #[test]
    fn addresses_that_may_be_asked() {
        for (text, exempt) in [
            ("https://example.com/x?y", false),
            ("https://example.com:443/", false),
            ("https://1.1.1.1/", false),
            // A name: what it resolves to is checked when it is dialled.
            ("https://localhost/", false),
            ("http://localhost:2583/", true),
            ("https://localhost:2583/", true),
            ("http://10.0.0.7:9/", true),
            ("http://0xa.7:9/", true),
        ] {
            let target = Target::parse(text, &allowed()).unwrap();
            assert_eq!(target.is_allowed, exempt, "{text}");
        }
    }

    #[test]
    fn redirects_are_checked_like_addresses_and_never_go_down() {
        let from = Target::parse("https://example.com/a/b", &allowed()).unwrap();
        let to = |text: &str| from.redirect(text, &allowed()).map(|t| t.url.to_string());
        assert_eq!(to("../c").unwrap(), "https://example.com/c");
        assert_eq!(
            to("//other.example.org/").unwrap(),
            "https://other.example.org/"
        );
        for refused in [
            "http://example.com/",
            "https://127.0.0.1/",
            "//[::1]/",
            "https://a:8/",
            "ftp://x/",
        ] {
            assert!(to(refused).is_err(), "{refused}");
        }
        // Even where http is allowed otherwise.
        assert!(to("http://localhost:2583/").is_err());
    }
}
