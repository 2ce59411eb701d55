//! From an event's record to its rows: the event, and its times when it has a start.
//!
//! Only a record without a name or `createdAt` is rejected, or one whose fields are of other types. A start or an end
//! that is no datetime is left out; so are an end before the start and an end without a start. A start in the future
//! is what a calendar is for, so it is taken as it is; `createdAt` is not.

use aviary_plugin::serde_json::value::RawValue;
use aviary_plugin::{Change, Json, Outcome, Rows, Time};
use serde::Deserialize;

use crate::{range, tables, token};

pub(crate) const COLLECTION: &str = "community.lexicon.calendar.event";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    name: String,
    created_at: String,
    description: Option<String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    mode: Option<String>,
    status: Option<String>,
    #[serde(borrow)]
    locations: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    uris: Option<Vec<&'a RawValue>>,
}

pub(crate) fn index(change: &Change<'_>) -> Outcome {
    let event: Event<'_> = change.record()?;
    let starts_at = event.starts_at.as_deref().and_then(Time::parse);
    let ends_at = event.ends_at.as_deref().and_then(Time::parse);
    let ends_at = ends_at.filter(|end| starts_at.is_some_and(|start| start <= *end));
    let rows = Rows::none().and(tables::Events {
        created_at: change.claimed_time(&event.created_at),
        name: event.name,
        description: event.description,
        starts_at,
        ends_at,
        mode: token_or(event.mode, "inperson"),
        status: token_or(event.status, "scheduled"),
        locations: list(event.locations),
        uris: list(event.uris),
    });
    let Some(starts_at) = starts_at else {
        return Ok(rows);
    };
    let ends_at = ends_at.unwrap_or(starts_at);
    Ok(rows.and(tables::Times {
        starts_at,
        ends_at,
        span: range::span_us(ends_at.us().saturating_sub(starts_at.us())),
    }))
}

/// The lexicon's default where the record says nothing.
fn token_or(text: Option<String>, default: &str) -> String {
    text.map_or_else(|| default.to_owned(), |text| token(text, COLLECTION))
}

/// The list as the record has it; an empty one is none.
fn list(items: Option<Vec<&RawValue>>) -> Option<Json> {
    let items = items.filter(|items| !items.is_empty())?;
    Json::of(&items).ok()
}
