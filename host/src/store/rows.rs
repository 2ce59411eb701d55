//! Plugin rows' shapes: what a plugin registers, what one of its batches does, and what became of it.

use std::sync::Arc;

use aviary_manifest::Manifest;

use super::feed::{Change, Pos};
use crate::atproto::{AtUri, Did};
use crate::entry::Partition;
use crate::limits;

/// A generation's number; 0 is the host itself.
pub type GenerationId = i64;

/// What decides whether a plugin keeps its tables: another digest is another generation.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The checked manifest.
    pub manifest: Arc<Manifest>,
    /// Hash over everything that rows depend on: tables, counts, collections, body, index-version, settings.
    pub digest: String,
}

/// One registered version of a plugin with its own tables.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Its number.
    pub id: GenerationId,
    /// Where it stands in each partition.
    pub positions: Vec<Pos>,
    /// Whether it was made just now.
    pub is_new: bool,
}

/// A typed value of a row, a parameter or a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `boolean`.
    Boolean(bool),
    /// `integer`.
    Integer(i64),
    /// `real`, finite.
    Real(f64),
    /// `text`, without NUL.
    Text(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `json`, a document.
    Json(String),
    /// `time`, microseconds since 1970.
    Time(i64),
    /// `did`.
    Did(Did),
    /// `at-uri`.
    Uri(AtUri),
}

/// One row of a declared table; values have the declared types.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The table's ordinal in the manifest.
    pub table: u16,
    /// One value for each declared column.
    pub row: Vec<Value>,
}

/// What one change becomes in a plugin's tables: its old rows go in every case.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Exactly these rows.
    Rows(Vec<Put>),
    /// No rows.
    Nothing,
    /// No rows, and a dead letter.
    Dead {
        /// Which kind.
        reason: DeadReason,
        /// In words, at most 1,024 bytes.
        detail: String,
    },
}

/// Why a change is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// The plugin said `reject`.
    Rejected,
    /// The guest trapped on it.
    Trap,
    /// The guest ran out of time on it.
    Timeout,
    /// The guest ran out of memory, host-call fuel or host calls on it.
    Limit,
    /// Its rows broke a rule of the manifest or a bound.
    BadRows,
    /// The database refused its rows.
    Sql,
    /// The record's body is not of the atproto data model.
    BadRecord,
    /// The operation could not be read from its commit (generation 0).
    BadOp,
}

impl DeadReason {
    /// The word stored and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::BadRows => "bad-rows",
            Self::Sql => "sql",
            Self::BadRecord => "bad-record",
            Self::BadOp => "bad-op",
        }
    }
}

/// One partition's step of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// Which partition.
    pub partition: Partition,
    /// What the position must be now.
    pub from: Pos,
    /// What it becomes.
    pub to: Pos,
}

/// What one batch of one plugin does, applied in one transaction.
#[derive(Clone, Debug)]
pub struct IndexUnit {
    /// Whose tables.
    pub generation: GenerationId,
    /// Steps of its positions.
    pub advances: Vec<Advance>,
    /// In feed order; a record appears at most once.
    pub effects: Vec<(Arc<Change>, Effect)>,
    /// When, microseconds since 1970; stored with dead letters.
    pub now_us: i64,
}

/// What applying an [`IndexUnit`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows written.
    pub rows: u64,
    /// Dead letters written, those that SQL caused included.
    pub dead: u64,
    /// Nothing was written: the unit was committed before, and the answer did not reach the one who waits.
    pub repeated: bool,
}

/// A change that a plugin could not use. The body is not kept: the record is in the archive.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Whose; 0 is the host.
    pub generation: GenerationId,
    /// The record, or the account when the operation had no readable path.
    pub subject: String,
    /// The pos that it failed at.
    pub pos: Pos,
    /// A [`DeadReason`]'s word.
    pub reason: String,
    /// In words.
    pub detail: String,
    /// When, microseconds since 1970.
    pub at_us: i64,
}

/// Text from outside without a NUL, which is no text to Postgres.
pub(in crate::store) fn without_nul(text: String) -> String {
    if text.contains('\0') {
        return text.replace('\0', "\u{fffd}");
    }
    text
}

/// A dead letter's detail within its bound, and without a NUL.
pub(in crate::store) fn cut_detail(detail: String) -> String {
    let mut detail = without_nul(detail);
    let end = detail.floor_char_boundary(limits::DEAD_DETAIL_BYTES_MAX);
    detail.truncate(end);
    detail
}
