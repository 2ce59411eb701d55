//! From a vote's record to its row.

use aviary_plugin::{Change, Outcome};
use serde::Deserialize;

use crate::subject::StrongRef;
use crate::{rank, tables};

#[derive(Deserialize)]
struct Vote {
    subject: StrongRef,
}

/// A vote's time is when the host saw it, not when its author says that it was: what is counted up to a moment stays as
/// it is when more votes come. See `rank.rs`.
pub(crate) fn index(change: &Change<'_>) -> Outcome {
    let vote: Vote = change.record()?;
    let (_, subject) = vote.subject.subject("subject")?;
    let hour = rank::hour_of(change.seen());
    Ok(tables::Votes { subject, hour }.into())
}
