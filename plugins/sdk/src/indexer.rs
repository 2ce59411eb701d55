//! From one record's latest state to its rows.

use serde::Deserialize;

use crate::Time;
use crate::wit::types::{self, Body, Put};

/// What a plugin with collections implements: a pure function of one record. It keeps nothing between calls: the host
/// makes a fresh instance for each batch and may cut batches anywhere.
pub trait Indexer {
    /// The rows that the record owns from now on, or why it owns none.
    ///
    /// # Errors
    /// [`Refusal::Skip`] or [`Refusal::Reject`]: no rows. A panic is a trap: no rows, and a dead letter.
    fn index(change: &Change<'_>) -> Outcome;
}

/// What one change becomes.
pub type Outcome = Result<Rows, Refusal>;

/// Why a record owns no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not of interest.
    Skip,
    /// It is bad; it becomes a dead letter with this reason.
    Reject(String),
}

/// The record is not of interest.
///
/// # Errors
/// Always: it is an [`Outcome`] to return.
pub fn skip() -> Outcome {
    Err(Refusal::Skip)
}

/// The record is bad, and this is why.
///
/// # Errors
/// Always: it is an [`Outcome`] to return.
pub fn reject(reason: impl Into<String>) -> Outcome {
    Err(Refusal::Reject(reason.into()))
}

/// A table's row; `plugin!` makes one for each table.
pub trait Row {
    /// As the interface has it.
    fn into_put(self) -> Put;
}

/// The rows of one record, of one table or several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(Vec<Put>);

impl Rows {
    /// No row yet.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One row more.
    #[must_use]
    pub fn and(mut self, row: impl Row) -> Self {
        self.0.push(row.into_put());
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Row> From<T> for Rows {
    fn from(row: T) -> Self {
        Self(vec![row.into_put()])
    }
}

impl<T: Row> FromIterator<T> for Rows {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        Self(rows.into_iter().map(Row::into_put).collect())
    }
}

/// The latest state of one record. Deletes never come: the host removes what the record owned.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    collection: &'a str,
    inner: &'a types::Change,
}

impl<'a> Change<'a> {
    /// A change of a batch.
    #[must_use]
    pub fn new(collection: &'a str, inner: &'a types::Change) -> Self {
        Self { collection, inner }
    }

    /// Whose record.
    #[must_use]
    pub fn did(&self) -> &'a str {
        &self.inner.did
    }

    /// The record's collection.
    #[must_use]
    pub fn collection(&self) -> &'a str {
        self.collection
    }

    /// The record's key.
    #[must_use]
    pub fn rkey(&self) -> &'a str {
        &self.inner.rkey
    }

    /// The commit's revision.
    #[must_use]
    pub fn rev(&self) -> &'a str {
        &self.inner.rev
    }

    /// The record's CID.
    #[must_use]
    pub fn cid(&self) -> &'a str {
        &self.inner.cid
    }

    /// When the host first saw this version.
    #[must_use]
    pub fn seen(&self) -> Time {
        Time::from_us(i64::try_from(self.inner.time_us).unwrap_or(i64::MAX))
    }

    /// The record's address.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("at://{}/{}/{}", self.did(), self.collection, self.rkey())
    }

    /// The record as atproto JSON; `None` when the manifest says `body = "none"`.
    #[must_use]
    pub fn json(&self) -> Option<&'a str> {
        match &self.inner.body {
            Body::Json(text) => Some(text),
            Body::None => None,
        }
    }

    /// The record as a type of the author's.
    ///
    /// # Errors
    /// [`Refusal::Reject`] with the reason when the record does not fit it.
    pub fn record<T: Deserialize<'a>>(&self) -> Result<T, Refusal> {
        let text = self
            .json()
            .ok_or_else(|| Refusal::Reject("no body: the manifest says body = \"none\"".into()))?;
        serde_json::from_str(text)
            .map_err(|e| Refusal::Reject(format!("does not fit {}: {e}", self.collection)))
    }

    /// When the author says that it was made, for ordering: a claim after [`Change::seen`], or one that is no datetime,
    /// counts as `seen`, so that nobody stays on top by a date in the future.
    #[must_use]
    pub fn claimed_time(&self, text: &str) -> Time {
        Time::parse(text).map_or(self.seen(), |t| t.min(self.seen()))
    }
}

/// One outcome for each change, in order.
#[must_use]
pub fn index_batch<P: Indexer>(batch: &types::Batch) -> Vec<types::Outcome> {
    batch
        .changes
        .iter()
        .map(|inner| {
            let collection = batch
                .collections
                .get(usize::from(inner.collection))
                .map_or("", String::as_str);
            match P::index(&Change::new(collection, inner)) {
                Ok(rows) => types::Outcome::Apply(rows.0),
                Err(Refusal::Skip) => types::Outcome::Skip,
                Err(Refusal::Reject(reason)) => types::Outcome::Reject(reason),
            }
        })
        .collect()
}
