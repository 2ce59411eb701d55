//! The ranking: what score a link has at a moment, and where a page of it starts.
//!
//! A score is `(votes + 1) / (age + 2 hours)^2`, in whole numbers, so that it is the same on every machine. It falls with
//! time and rises with votes, so the order changes by the minute; pages of it would show a link twice and leave another
//! out. So a reading has a *moment*: the first page takes the present and its cursor carries it on. Every page of the
//! reading ranks by the age at that moment, the links that were there then, and the votes that the host had seen before
//! it. A vote that comes later changes nothing in it. The votes before a moment are those of the whole hours before it,
//! which the host counts, and those of its own hour: for each link at most 168 counters and the votes of one hour.
//!
//! The moment lies a little before the present: a vote is seen when it is archived, and counted when it is indexed.
//! A vote that is taken back, or given once more, does leave the count that it was in. What is ranked are the newest
//! links of seven days: older ones would be far below, and the cost of a page has a bound.

use std::cmp::Reverse;

use aviary_plugin::{Cursor, Time, XrpcError, is_record_uri};

use crate::reads;

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;
/// How far back links are ranked (us).
const WINDOW_US: i64 = 7 * 24 * HOUR_US;
/// How many of them, the newest first.
const CANDIDATES_MAX: i64 = 500;
/// How long a vote may be on its way from the archive into the tables (us).
const SETTLING_US: i64 = 5_000_000;
/// The age that a new link has already (min): one vote more must not throw everything over.
const AGE_AT_FIRST_MIN: i64 = 120;
/// What a vote is worth, so that whole numbers tell an old link's votes apart.
const VOTE_SCORE: i64 = 1_000_000_000_000;

/// The start of the hour.
pub(crate) fn hour_of(time: Time) -> Time {
    Time::from_us(time.us().saturating_sub(time.us().rem_euclid(HOUR_US)))
}

/// A link's place in a ranking. The order of places is from the last to the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    score: i64,
    created_us: i64,
    pub(crate) uri: String,
}

/// Where a page of a reading starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The ranking is of this moment.
    moment: Time,
    /// The last place of the page before.
    after: Option<Place>,
}

impl Reading {
    /// By a request's cursor; without one a new reading begins.
    pub(crate) fn parse(cursor: Option<&str>, now: Time) -> Result<Self, XrpcError> {
        let Some(cursor) = cursor else {
            let moment = Time::from_us(now.us().saturating_sub(SETTLING_US));
            return Ok(Self {
                moment,
                after: None,
            });
        };
        let place = Cursor::place(cursor)?;
        let mut parts = place.splitn(4, ' ');
        let mut number = || parts.next()?.parse::<i64>().ok();
        let numbers = (number(), number(), number());
        match (numbers, parts.next().filter(|uri| is_record_uri(uri))) {
            ((Some(moment), Some(score), Some(created_us)), Some(uri)) => Ok(Self {
                moment: Time::from_us(moment),
                after: Some(Place {
                    score,
                    created_us,
                    uri: uri.to_owned(),
                }),
            }),
            _ => Err(Cursor::refused()),
        }
    }

    /// The addresses of one page, the best first, and the cursor of the next.
    pub(crate) fn page(&self, limit: i64) -> Result<(Vec<String>, Option<String>), XrpcError> {
        let begin = Time::from_us(self.moment.us().saturating_sub(WINDOW_US));
        let candidates =
            reads::candidates(begin, self.moment, hour_of(self.moment), CANDIDATES_MAX)?;
        let mut places: Vec<Place> = candidates
            .into_iter()
            .map(|c| self.place(c.votes, c.created_at, c.uri))
            .filter(|place| self.after.as_ref().is_none_or(|after| place < after))
            .collect();
        places.sort_unstable_by(|a, b| Reverse(a).cmp(&Reverse(b)));
        let limit = usize::try_from(limit).unwrap_or_default();
        places.truncate(limit);
        let last = places.last().filter(|_| places.len() == limit);
        let cursor = last.map(|last| self.cursor(last));
        Ok((places.into_iter().map(|place| place.uri).collect(), cursor))
    }

    fn place(&self, votes: i64, created: Time, uri: String) -> Place {
        let age_us = self.moment.us().saturating_sub(created.us()).max(0);
        let age_min = i128::from(age_us / MINUTE_US + AGE_AT_FIRST_MIN);
        let score = i128::from(VOTE_SCORE) * (i128::from(votes) + 1) / (age_min * age_min);
        Place {
            score: i64::try_from(score).unwrap_or(i64::MAX),
            created_us: created.us(),
            uri,
        }
    }

    fn cursor(&self, last: &Place) -> String {
        let Place {
            score,
            created_us,
            uri,
        } = last;
        Cursor::opaque(&format!("{} {score} {created_us} {uri}", self.moment.us()))
    }
}

#[cfg(test)]
mod tests;
