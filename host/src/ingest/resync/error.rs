//! Why a repository could not be fetched, and whether to try again soon.

use crate::atproto::car::CarError;
use crate::atproto::commit::CommitError;
use crate::atproto::mst::MstError;
use crate::fault::{Class, Classify};
use crate::identity::IdentityError;
use crate::ingest::IngestError;
use crate::net::NetError;
use crate::store::StoreError;

/// Why a repository could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResyncError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("fetching the repository: {0}")]
    Net(#[from] NetError),
    #[error("expected the account's document to name its host, got none")]
    NoHost,
    #[error("the fetched CAR is damaged: {0}")]
    Car(#[from] CarError),
    #[error("expected a CAR of at most {max} blocks", max = crate::limits::REPO_BLOCKS_MAX)]
    Blocks,
    #[error("in the fetched repository: {0}")]
    Commit(#[from] CommitError),
    #[error("the fetched repository is of {got}")]
    Foreign { got: String },
    #[error("the fetched repository is not signed by the account's key")]
    Signature,
    #[error(
        "the fetched repository is not signed by the account's key that is known: it may have changed"
    )]
    OldKey,
    #[error("in the fetched repository's tree: {0}")]
    Tree(#[from] MstError),
    #[error("the fetched repository lacks the record {path:?}")]
    RecordAbsent { path: String },
    #[error(
        "expected rev {known} or later, got {got}: the copy is older than what is known of the repository"
    )]
    Older { known: String, got: String },
    #[error("keeping the fetched repository: {0}")]
    Spool(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error("the work on a repository ended: {0}")]
    Ended(String),
    #[error("the repository is not followed any more")]
    Gone,
    #[error("another hole was met before the fetch began")]
    Superseded,
    #[error("told to stop")]
    Stopped,
}

impl Classify for ResyncError {
    fn class(&self) -> Class {
        match self {
            Self::Identity(e) => e.class(),
            Self::Net(e) => e.class(),
            Self::Store(e) => e.class(),
            Self::Ingest(e) => e.class(),
            Self::Gone | Self::Stopped => Class::Canceled,
            Self::Ended(_) => Class::Fatal,
            // A copy that is cut, old or damaged may be whole the next time.
            Self::Car(_)
            | Self::Tree(_)
            | Self::RecordAbsent { .. }
            | Self::Superseded
            | Self::OldKey
            | Self::Older { .. }
            | Self::Spool(_) => Class::Retry,
            Self::NoHost
            | Self::Blocks
            | Self::Commit(_)
            | Self::Foreign { .. }
            | Self::Signature => Class::Reject,
        }
    }
}
