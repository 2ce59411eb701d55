//! What can be voted for and commented on, by its address; the same under both names.

use aviary_plugin::{Refusal, is_record_uri};
use serde::Deserialize;

/// The collections of votes.
pub(crate) const VOTES: [&str; 2] = ["fyi.frontpage.feed.vote", "fyi.unravel.frontpage.vote"];

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Post,
    Comment,
}

impl Kind {
    /// By its collection; none for votes and everything else.
    pub(crate) fn of(collection: &str) -> Option<Self> {
        match collection {
            "fyi.frontpage.feed.post" | "fyi.unravel.frontpage.post" => Some(Self::Post),
            "fyi.frontpage.feed.comment" | "fyi.unravel.frontpage.comment" => Some(Self::Comment),
            _ => None,
        }
    }
}

/// A reference to a version of a record.
#[derive(Deserialize)]
pub(crate) struct StrongRef {
    uri: String,
}

impl StrongRef {
    /// The address, when it is that of a post or a comment.
    ///
    /// # Errors
    /// Skip when it is that of another record, reject when it is none with a DID.
    pub(crate) fn subject(self, field: &str) -> Result<(Kind, String), Refusal> {
        if !is_record_uri(&self.uri) {
            return Err(Refusal::Reject(format!(
                "{field}.uri: expected at://did/collection/rkey, got {:?}",
                self.uri
            )));
        }
        let collection = self.uri.split('/').nth(3).unwrap_or_default();
        let kind = Kind::of(collection).ok_or(Refusal::Skip)?;
        Ok((kind, self.uri))
    }
}
