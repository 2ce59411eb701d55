//! Why there is no identity, and whether there may be one later.

use std::time::Duration;

use crate::atproto::did_document::DidDocumentError;
use crate::atproto::{Did, Handle};
use crate::fault::{Class, Classify};
use crate::net::NetError;

/// Why there is no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Nobody has this DID.
    #[error("there is no document of {0}")]
    NotFound(Did),
    /// The DID was given up.
    #[error("{0} was deactivated")]
    Deactivated(Did),
    /// A DID of a method or form that this network does not use.
    #[error("expected did:plc or did:web with a host name alone, got {0}")]
    Unsupported(Did),
    /// The document is unusable.
    #[error("the document of {did}: {source}")]
    Document {
        /// Whose.
        did: Did,
        /// Why.
        source: DidDocumentError,
    },
    /// The document was not to be had.
    #[error("looking up {did}: {source}")]
    Net {
        /// Whose.
        did: Did,
        /// Why.
        source: NetError,
    },
    /// A handle that names no DID.
    #[error("the handle {0} names no DID")]
    NoSuchHandle(Handle),
    /// A handle that names several DIDs.
    #[error("expected one DID in the DNS of the handle {handle}, got {got}")]
    AmbiguousHandle {
        /// Which.
        handle: Handle,
        /// How many.
        got: usize,
    },
    /// A handle below a name that nobody can own.
    #[error("the handle {0} is below a reserved name")]
    ReservedHandle(Handle),
    /// A handle whose DNS or web site does not answer.
    #[error("looking up the handle {handle}: {source}")]
    HandleNet {
        /// Which.
        handle: Handle,
        /// Why.
        source: NetError,
    },
}

impl Classify for IdentityError {
    fn class(&self) -> Class {
        match self {
            Self::NotFound(_)
            | Self::Deactivated(_)
            | Self::Unsupported(_)
            | Self::NoSuchHandle(_)
            | Self::AmbiguousHandle { .. }
            | Self::ReservedHandle(_) => Class::Reject,
            Self::Document { source, .. } => source.class(),
            Self::Net { source, .. } | Self::HandleNet { source, .. } => source.class(),
        }
    }
}

impl IdentityError {
    /// When the server asked to be left alone until.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Net { source, .. } | Self::HandleNet { source, .. } => source.retry_after(),
            _ => None,
        }
    }
}
