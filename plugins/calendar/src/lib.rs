//! A calendar: events (`community.lexicon.calendar.event`) by date, and who comes to them (`community.lexicon.calendar.rsvp`).
//!
//! - `getEvents` gives what is on between two moments, by overlap: an event that began before the range and ends in it, or
//!   goes on through all of it, is in it. An event without an end is a moment. `range.rs` says how an index finds them.
//! - `getEvent` gives one event, how many said that they come, and who, newest first.
//!
//! One answer of one account to one event counts: when several records of the account answer it, the newest does, and
//! when that is deleted, the one before it again. An event without a start is shown by its address and is in no range.

mod event;
mod queries;
mod range;
mod rsvp;
#[cfg(test)]
mod tests;

use aviary_plugin::{Answer, Change, Indexer, Outcome, Request, skip};

aviary_plugin::plugin!();

impl Indexer for Plugin {
    fn index(change: &Change<'_>) -> Outcome {
        match change.collection() {
            event::COLLECTION => event::index(change),
            rsvp::COLLECTION => rsvp::index(change),
            _ => skip(),
        }
    }
}

impl Methods for Plugin {
    fn get_events(_: &Request, params: params::GetEvents) -> Answer {
        queries::get_events(&params)
    }

    fn get_event(_: &Request, params: params::GetEvent) -> Answer {
        queries::get_event(&params)
    }
}

/// A token of a lexicon by its short name: `…#going` is `going`. What the lexicon does not know stays as it was written,
/// for its list of values is an open one.
fn token(text: String, lexicon: &str) -> String {
    let rest = text.strip_prefix(lexicon);
    match rest.and_then(|rest| rest.strip_prefix('#')) {
        Some(short) => short.to_owned(),
        None => text,
    }
}
