//! From an answer's record to its row.
//!
//! An answer to something that is no event of this lexicon is not of interest; one to something that is no record's
//! address is rejected. A status that the lexicon does not know is kept as it was written: it replaces what the account
//! said before, and is in none of the three counts.

use aviary_plugin::{Change, Outcome, is_record_uri, reject, skip};
use serde::Deserialize;

use crate::{event, tables, token};

pub(crate) const COLLECTION: &str = "community.lexicon.calendar.rsvp";

/// Enough for an NSID and a name: a status is part of a count's key.
const STATUS_BYTES_MAX: usize = 512;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rsvp {
    subject: StrongRef,
    status: String,
    /// Not in the lexicon, and in most records.
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct StrongRef {
    uri: String,
}

pub(crate) fn index(change: &Change<'_>) -> Outcome {
    let rsvp: Rsvp = change.record()?;
    let uri = rsvp.subject.uri;
    if !is_record_uri(&uri) {
        return reject(format!(
            "subject.uri: expected at://did/collection/rkey, got {uri:?}"
        ));
    }
    if uri.split('/').nth(3) != Some(event::COLLECTION) {
        return skip();
    }
    let len = rsvp.status.len();
    if len > STATUS_BYTES_MAX {
        return reject(format!(
            "status: expected at most {STATUS_BYTES_MAX} bytes, got {len}"
        ));
    }
    let claimed = rsvp.created_at.as_deref().unwrap_or_default();
    let row = tables::Rsvps {
        event: uri,
        status: token(rsvp.status, COLLECTION),
        created_at: change.claimed_time(claimed),
    };
    Ok(row.into())
}
