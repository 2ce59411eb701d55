//! Likes (`app.bsky.feed.like`), counted by what they like: one for each account, however many records say so.
//!
//! A like of something that is no record's address with a DID is rejected: nothing could be counted by it. A `createdAt` in
//! the future, or one that is no datetime, counts as the host's first sight of the record.

use std::collections::HashMap;

use aviary_plugin::{
    Answer, Change, Indexer, Outcome, Request, Response, XrpcError, is_record_uri, reject,
};
use serde::{Deserialize, Serialize};

aviary_plugin::plugin!();

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Like {
    subject: StrongRef,
    created_at: String,
}

#[derive(Deserialize)]
struct StrongRef {
    uri: String,
}

impl Indexer for Plugin {
    fn index(change: &Change<'_>) -> Outcome {
        let like: Like = change.record()?;
        let subject = like.subject.uri;
        if !is_record_uri(&subject) {
            return reject(format!(
                "subject.uri: expected at://did/collection/rkey, got {subject:?}"
            ));
        }
        let row = tables::Likes {
            subject,
            created_at: change.claimed_time(&like.created_at),
        };
        Ok(row.into())
    }
}

#[derive(Serialize)]
struct LikeCount<'a> {
    uri: &'a str,
    count: i64,
}

#[derive(Serialize)]
struct Counts<'a> {
    counts: Vec<LikeCount<'a>>,
}

impl Methods for Plugin {
    fn get_counts(_: &Request, params: params::GetCounts) -> Answer {
        if let Some(uri) = params.uris.iter().find(|uri| !is_record_uri(uri)) {
            return Err(XrpcError::invalid_request(format!(
                "parameter \"uris\": expected at://did/collection/rkey, got {uri:?}"
            )));
        }
        let counted: HashMap<String, i64> = reads::counts_of(&params.uris)?
            .into_iter()
            .map(|row| (row.subject, row.n))
            .collect();
        // What nobody likes has no row.
        let counts = params
            .uris
            .iter()
            .map(|uri| LikeCount {
                uri,
                count: counted.get(uri).copied().unwrap_or(0),
            })
            .collect();
        Response::json(&Counts { counts })
    }
}

#[cfg(test)]
mod tests;
