//! From a unit's effects to rows of cells: hidden accounts own nothing, ids stand for DIDs and URIs, and rows that
//! do not fit their tables are dead letters before SQL sees them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::cell::{Cell, Ids};
use super::fit::{collision, misfit};
use super::letters;
use super::shape::Shape;
use super::sql::IndexSql;
use crate::atproto::{AtUri, Did};
use crate::store::error::StoreError;
use crate::store::feed::{Change, ChangeState};
use crate::store::rows::{DeadReason, Effect, IndexUnit, Put, Value};

/// One change with what becomes of it.
pub(super) struct Resolved<'a> {
    pub(super) change: &'a Change,
    pub(super) outcome: Outcome<'a>,
}

/// What becomes of a change.
pub(super) enum Outcome<'a> {
    Rows(Vec<Row<'a>>),
    Nothing,
    Dead(DeadReason, Cow<'a, str>),
}

/// One row to be.
pub(in crate::store) struct Row<'a> {
    /// The table's ordinal.
    pub(in crate::store) table: usize,
    /// Its number among the rows of its record in that table.
    pub(in crate::store) n: i64,
    /// One for each declared column.
    pub(in crate::store) cells: Vec<Cell<'a>>,
}

impl Resolved<'_> {
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.outcome, Outcome::Dead(..))
    }
}

/// Resolves all effects of a unit, in its order. Of a record that appears twice only the last state counts.
pub(super) async fn resolve<'a, S: IndexSql>(
    sql: &mut S,
    shape: &Shape,
    unit: &'a IndexUnit,
) -> Result<Vec<Resolved<'a>>, StoreError> {
    let hidden = hidden(sql, unit).await?;
    let last: HashMap<i64, usize> = unit
        .effects
        .iter()
        .enumerate()
        .map(|(at, (change, _))| (change.record_id, at))
        .collect();
    let latest = unit
        .effects
        .iter()
        .enumerate()
        .filter(|(at, (change, _))| last.get(&change.record_id) == Some(at));
    let drafts: Vec<(&'a Change, Draft<'a>)> = latest
        .map(|(_, (change, effect))| {
            let is_hidden = hidden.contains(&change.did_id);
            (&**change, Draft::of(shape, change, effect, is_hidden))
        })
        .collect();

    let mut dids: Vec<Did> = Vec::new();
    let mut uris: Vec<AtUri> = Vec::new();
    for value in drafts.iter().flat_map(|(_, draft)| draft.values()) {
        match value {
            Value::Did(did) => dids.push(did.clone()),
            Value::Uri(uri) => uris.push(uri.clone()),
            _ => {}
        }
    }
    let (dids, uris) = sql.ids(&dids, &uris).await?;
    let mut ids = Ids {
        dids: dids.iter(),
        uris: uris.iter(),
    };
    drafts
        .into_iter()
        .map(|(change, draft)| {
            let outcome = draft.resolve(shape, &mut ids).ok_or_else(|| {
                StoreError::Corrupt("interning gave fewer ids than it was asked for".into())
            })?;
            Ok(Resolved { change, outcome })
        })
        .collect()
}

/// Which of the unit's accounts are hidden.
async fn hidden<S: IndexSql>(sql: &mut S, unit: &IndexUnit) -> Result<HashSet<i64>, sqlx::Error> {
    let accounts: HashSet<i64> = unit.effects.iter().map(|(c, _)| c.did_id).collect();
    if accounts.is_empty() {
        return Ok(accounts);
    }
    let accounts: Vec<i64> = accounts.into_iter().collect();
    Ok(sql.hidden(&accounts).await?.into_iter().collect())
}

/// An effect whose shape has been checked, before its ids are known.
enum Draft<'a> {
    Rows(&'a [Put]),
    Nothing,
    Dead(DeadReason, Cow<'a, str>),
}

impl<'a> Draft<'a> {
    fn of(shape: &Shape, change: &Change, effect: &'a Effect, is_hidden: bool) -> Self {
        let is_live = matches!(change.state, ChangeState::Live { .. });
        if is_hidden || !is_live {
            return Self::Nothing;
        }
        match effect {
            Effect::Nothing => Self::Nothing,
            Effect::Dead { reason, detail } => Self::Dead(*reason, letters::clean(detail)),
            Effect::Rows(puts) => match puts.iter().find_map(|put| misfit(shape, put)) {
                Some(detail) => Self::Dead(DeadReason::BadRows, Cow::Owned(detail)),
                None => Self::Rows(puts),
            },
        }
    }

    fn values(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let puts: &'a [Put] = match self {
            Self::Rows(puts) => puts,
            Self::Nothing | Self::Dead(..) => &[],
        };
        puts.iter().flat_map(|put| &put.row)
    }

    /// `None` when the ids do not suffice.
    fn resolve(self, shape: &Shape, ids: &mut Ids<'_>) -> Option<Outcome<'a>> {
        let puts = match self {
            Self::Rows(puts) => puts,
            Self::Nothing => return Some(Outcome::Nothing),
            Self::Dead(reason, detail) => return Some(Outcome::Dead(reason, detail)),
        };
        let mut rows: Vec<Row<'a>> = Vec::with_capacity(puts.len());
        for put in puts {
            let table = usize::from(put.table);
            let before = rows.iter().filter(|r| r.table == table).count();
            let cells: Option<Vec<Cell<'a>>> =
                put.row.iter().map(|value| Cell::of(value, ids)).collect();
            rows.push(Row {
                table,
                n: i64::try_from(before).unwrap_or(i64::MAX),
                cells: cells?,
            });
        }
        Some(match collision(shape, &rows) {
            Some(detail) => Outcome::Dead(DeadReason::BadRows, Cow::Owned(detail)),
            None => Outcome::Rows(rows),
        })
    }
}
