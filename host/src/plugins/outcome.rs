//! What an indexer makes of one change, with what the host adds when the guest fails.

use super::failure::{self, Failure};
use super::values::RawPut;
use crate::store::DeadReason;

/// What a guest makes of one change.
#[derive(Clone, Debug, PartialEq)]
pub enum GuestOutcome {
    /// These rows and no others, not yet held against the manifest.
    Apply(Vec<RawPut>),
    /// No rows.
    Skip,
    /// No rows: the record is bad, says the plugin.
    Reject(String),
    /// No rows: the guest failed on it.
    Dead {
        /// Which kind of failure.
        reason: DeadReason,
        /// In words, at most 1,024 bytes.
        detail: String,
    },
}

/// What a guest said, before the host's own failures come in.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// These rows.
    Apply(Vec<RawPut>),
    /// None.
    Skip,
    /// None, with a reason.
    Reject(String),
}

impl From<Outcome> for GuestOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Apply(puts) => Self::Apply(puts),
            Outcome::Skip => Self::Skip,
            Outcome::Reject(mut reason) => {
                reason.truncate(reason.floor_char_boundary(failure::DETAIL_BYTES_MAX));
                Self::Reject(reason)
            }
        }
    }
}

impl From<Failure> for GuestOutcome {
    fn from(failure: Failure) -> Self {
        Self::Dead {
            reason: failure.reason(),
            detail: failure.detail,
        }
    }
}

impl GuestOutcome {
    /// The record's body is not of the atproto data model: no guest sees it.
    pub(super) fn from_bad_record(mut detail: String) -> Self {
        detail.truncate(detail.floor_char_boundary(failure::DETAIL_BYTES_MAX));
        Self::Dead {
            reason: DeadReason::BadRecord,
            detail,
        }
    }
}
