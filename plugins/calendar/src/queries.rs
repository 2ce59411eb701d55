//! The two methods: a page of what is on in a range, and one event with who comes.

use std::collections::HashMap;

use aviary_plugin::{Answer, Cursor, Response, StoreError, Time, XrpcError, is_record_uri};
use serde::Serialize;

use crate::{params, range, reads};

/// An event as the lexicon shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventView {
    #[serde(flatten)]
    event: reads::EventsOf,
    rsvp_counts: RsvpCounts,
}

#[derive(Clone, Copy, Default, Serialize)]
struct RsvpCounts {
    going: i64,
    interested: i64,
    notgoing: i64,
}

/// By start and then by address, oldest first. Both parts of a range are in this order, and the first is all before
/// the second, so that one cursor goes through both.
pub(crate) fn get_events(params: &params::GetEvents) -> Answer {
    #[derive(Serialize)]
    struct Body {
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        events: Vec<EventView>,
    }
    let (from, to) = range::parse(&params.from, &params.to)?;
    let after = Cursor::decode_ascending(params.cursor.as_deref())?;
    let limit = params.limit;
    let mut page = going_on(from, &after, limit)?;
    let left = limit - i64::try_from(page.len()).unwrap_or(limit);
    if left > 0 {
        let begin = from.max(after.time);
        let rows = reads::beginning(begin, to, after.time, &after.uri, left)?;
        page.extend(rows.into_iter().map(|row| (row.starts_at, row.uri)));
    }
    let cursor = Cursor::after(&page, limit, |(time, uri)| (*time, uri));
    let uris: Vec<String> = page.into_iter().map(|(_, uri)| uri).collect();
    let events = views(&uris)?;
    Response::json(&Body { cursor, events })
}

/// What began before a time and goes on then, of all spans together. None where the page before reached what begins later.
fn going_on(from: Time, after: &Cursor, limit: i64) -> Result<Vec<(Time, String)>, StoreError> {
    let mut page = Vec::new();
    if after.time >= from {
        return Ok(page);
    }
    for span_us in range::SPANS_US {
        let begin = range::earliest(from, span_us).max(after.time);
        let rows = reads::going_on(span_us, begin, from, after.time, &after.uri, limit)?;
        page.extend(rows.into_iter().map(|row| (row.starts_at, row.uri)));
    }
    page.sort_unstable();
    page.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(page)
}

pub(crate) fn get_event(params: &params::GetEvent) -> Answer {
    #[derive(Serialize)]
    struct Body {
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        event: EventView,
        rsvps: Vec<reads::RsvpsOf>,
    }
    let (uri, limit) = (&params.uri, params.limit);
    if !is_record_uri(uri) {
        return Err(XrpcError::invalid_request(format!(
            "parameter \"uri\": expected at://did/collection/rkey, got {uri:?}"
        )));
    }
    let Some(event) = views(std::slice::from_ref(uri))?.pop() else {
        return Err(XrpcError::new(
            400,
            "EventNotFound",
            format!("there is no event {uri}"),
        ));
    };
    let after = Cursor::decode(params.cursor.as_deref())?;
    let rsvps = reads::rsvps_of(uri, after.time, &after.uri, limit)?;
    let cursor = Cursor::after(&rsvps, limit, |r| (r.created_at, &r.uri));
    Response::json(&Body {
        cursor,
        event,
        rsvps,
    })
}

/// Events with their counts, in the order asked for.
fn views(uris: &[String]) -> Result<Vec<EventView>, StoreError> {
    let mut counts: HashMap<String, RsvpCounts> = HashMap::new();
    for row in reads::counts_of(uris)? {
        let of_event = counts.entry(row.event).or_default();
        match row.status.as_str() {
            "going" => of_event.going = row.n,
            "interested" => of_event.interested = row.n,
            "notgoing" => of_event.notgoing = row.n,
            _ => {}
        }
    }
    let events = reads::events_of(uris)?.into_iter();
    let mut events: HashMap<String, reads::EventsOf> =
        events.map(|event| (event.uri.clone(), event)).collect();
    let view = |uri: &String| {
        Some(EventView {
            event: events.remove(uri)?,
            rsvp_counts: counts.get(uri).copied().unwrap_or_default(),
        })
    };
    Ok(uris.iter().filter_map(view).collect())
}
