//! Statusphere: one emoji for how it goes. Statuses of the network or of one account, newest first, and how often each
//! is used.
//!
//! A status that does not fit its lexicon (absent, empty, over 32 bytes) is rejected. A `createdAt` in the future, or one
//! that is no datetime, counts as the host's first sight of the record: nobody stays on top by a wrong clock.

use aviary_plugin::{Answer, Change, Cursor, Indexer, Outcome, Request, Response, reject};
use serde::{Deserialize, Serialize};

aviary_plugin::plugin!();

const STATUS_BYTES_MAX: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    status: String,
    created_at: String,
}

impl Indexer for Plugin {
    fn index(change: &Change<'_>) -> Outcome {
        let record: Status = change.record()?;
        let len = record.status.len();
        if len == 0 || len > STATUS_BYTES_MAX {
            return reject(format!(
                "status: expected 1 to {STATUS_BYTES_MAX} bytes, got {len}"
            ));
        }
        let row = tables::Statuses {
            created_at: change.claimed_time(&record.created_at),
            status: record.status,
        };
        Ok(row.into())
    }
}

/// A page of `getStatuses`; the reads' rows have the lexicon's shape.
#[derive(Serialize)]
struct Page<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    statuses: Vec<T>,
}

impl Methods for Plugin {
    fn get_statuses(_: &Request, params: params::GetStatuses) -> Answer {
        let Cursor { time, uri } = Cursor::decode(params.cursor.as_deref())?;
        let limit = params.limit;
        match &params.actor {
            None => {
                let statuses = reads::latest(time, &uri, limit)?;
                let cursor = Cursor::after(&statuses, limit, |s| (s.created_at, &s.uri));
                Response::json(&Page { cursor, statuses })
            }
            Some(actor) => {
                let statuses = reads::latest_of(actor, time, &uri, limit)?;
                let cursor = Cursor::after(&statuses, limit, |s| (s.created_at, &s.uri));
                Response::json(&Page { cursor, statuses })
            }
        }
    }

    fn get_status_counts(_: &Request, params: params::GetStatusCounts) -> Answer {
        #[derive(Serialize)]
        struct Body {
            counts: Vec<reads::Counts>,
        }
        let counts = reads::counts(params.limit)?;
        Response::json(&Body { counts })
    }
}

#[cfg(test)]
mod tests;
