//! Why a request gave no answer, and whether the same request may give one later.

use std::fmt::Write as _;
use std::time::Duration;

use super::dns::DnsError;
use super::guard::NotDialled;
use crate::fault::{Class, Classify};

/// Why a request gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// An address that this host does not ask.
    #[error("{url:?} is not asked: {reason}")]
    Refused {
        /// The address.
        url: String,
        /// What it should be.
        reason: String,
    },
    /// A name that is nowhere.
    #[error("{0} is nowhere: there is no such name")]
    NoSuchName(String),
    /// DNS did not say.
    #[error("looking up {name}: {source}")]
    Dns {
        /// The name.
        name: String,
        /// What happened.
        source: DnsError,
    },
    /// No connection, no TLS, or a connection that broke.
    #[error("asking {place}: {message}")]
    Transport {
        /// Host and port.
        place: String,
        /// The cause and its causes.
        message: String,
    },
    /// Too late.
    #[error("expected {what} within {total_ms} ms")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long (ms).
        total_ms: u64,
    },
    /// A body that comes, but too slowly to wait for.
    #[error("expected at least {expected} bytes a second, got {got}")]
    TooSlow {
        /// The least rate.
        expected: u64,
        /// The rate so far.
        got: u64,
    },
    /// The host asks to come back later.
    #[error("{place} answered {status}: later")]
    Busy {
        /// Host and port.
        place: String,
        /// 429 or 503.
        status: u16,
        /// When, if it said so.
        retry_after: Option<Duration>,
    },
    /// Too many hosts are asked at once.
    #[error("expected at most {0} hosts at once; later")]
    Overloaded(usize),
    /// An answer that is not a success.
    #[error("{place} answered {status}: {message}")]
    Status {
        /// Host and port.
        place: String,
        /// From 300 on.
        status: u16,
        /// How the body begins.
        message: String,
    },
    /// A redirect more than may be followed.
    #[error("expected an answer after at most {max} redirects, got one to {to:?}")]
    Redirects {
        /// How many were allowed.
        max: u8,
        /// Where the last one went.
        to: String,
    },
    /// A body that is too large.
    #[error("expected a body of at most {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// An answer's head that is too large.
    #[error("expected an answer's head of at most {bytes_max} bytes, got {got}")]
    HeadTooLarge {
        /// The bound.
        bytes_max: usize,
        /// How large.
        got: usize,
    },
    /// A compressed body, which nobody asked for.
    #[error("expected a body as it is, got one encoded as {0:?}")]
    Encoded(String),
    /// The client cannot be made.
    #[error("{0}")]
    Setup(String),
}

impl Classify for NetError {
    fn class(&self) -> Class {
        match self {
            Self::Refused { .. }
            | Self::NoSuchName(_)
            | Self::Redirects { .. }
            | Self::TooLarge { .. }
            | Self::HeadTooLarge { .. }
            | Self::Encoded(_) => Class::Reject,
            // 501: it will never know how.
            Self::Status { status, .. } => match status {
                408 | 425 | 500 | 502..=599 => Class::Retry,
                _ => Class::Reject,
            },
            Self::Dns { .. }
            | Self::Transport { .. }
            | Self::Timeout { .. }
            | Self::TooSlow { .. }
            | Self::Busy { .. }
            | Self::Overloaded(_) => Class::Retry,
            Self::Setup(_) => Class::Fatal,
        }
    }
}

impl NetError {
    pub(super) fn refused(url: &str, reason: impl Into<String>) -> Self {
        const SHOWN_CHARS: usize = 200;
        Self::Refused {
            url: url.chars().take(SHOWN_CHARS).collect(),
            reason: reason.into(),
        }
    }

    pub(super) fn dns(name: &str, source: DnsError) -> Self {
        Self::Dns {
            name: name.to_owned(),
            source,
        }
    }

    /// What the HTTP client says; a refusal of our own resolver is found inside.
    pub(super) fn of_client(place: &str, error: &reqwest::Error) -> Self {
        let (mut message, mut cause) = (String::new(), std::error::Error::source(error));
        while let Some(inner) = cause {
            if let Some(refusal) = inner.downcast_ref::<NotDialled>() {
                return Self::of_resolver(place, refusal);
            }
            let separator = if message.is_empty() { "" } else { ": " };
            // Writing to a string cannot fail.
            write!(message, "{separator}{inner}").ok();
            cause = inner.source();
        }
        if message.is_empty() {
            message = error.to_string();
        }
        Self::Transport {
            place: place.to_owned(),
            message,
        }
    }

    fn of_resolver(place: &str, refusal: &NotDialled) -> Self {
        match refusal {
            NotDialled::Dns(DnsError::NotFound) => Self::NoSuchName(place.to_owned()),
            NotDialled::Dns(error) => Self::dns(place, error.clone()),
            NotDialled::NotPublic(_) => Self::refused(place, refusal.to_string()),
        }
    }

    /// When the host asked to be left alone until.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
