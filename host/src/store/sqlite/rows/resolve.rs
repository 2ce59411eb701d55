//! From a unit's effects to rows of cells: hidden accounts own nothing, ids stand for DIDs and URIs, and rows that
//! do not fit their tables are dead letters before SQL sees them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use aviary_manifest::{ColumnType, Table};
use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use super::super::intern::Interner;
use super::super::schema::{Form, GenerationTables};
use super::cell::{Cell, Ids};
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
pub(super) struct Row<'a> {
    /// The table's ordinal.
    pub(super) table: usize,
    /// Its number among the rows of its record in that table.
    pub(super) n: i64,
    /// One for each declared column.
    pub(super) cells: Vec<Cell<'a>>,
}

impl Resolved<'_> {
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.outcome, Outcome::Dead(..))
    }
}

/// Resolves all effects of a unit, in its order. Of a record that appears twice only the last state counts.
pub(super) async fn resolve<'a>(
    c: &mut SqliteConnection,
    intern: &mut Interner,
    tables: &GenerationTables,
    unit: &'a IndexUnit,
) -> Result<Vec<Resolved<'a>>, StoreError> {
    let hidden = hidden(c, unit).await?;
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
            (&**change, Draft::of(tables, change, effect, is_hidden))
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
    let dids = intern.dids(c, &dids).await?;
    let uris = intern.uris(c, &uris).await?;
    let mut ids = Ids {
        dids: dids.iter(),
        uris: uris.iter(),
    };
    drafts
        .into_iter()
        .map(|(change, draft)| {
            let outcome = draft.resolve(tables, &mut ids).ok_or_else(|| {
                StoreError::Corrupt("interning gave fewer ids than it was asked for".into())
            })?;
            Ok(Resolved { change, outcome })
        })
        .collect()
}

/// Which of the unit's accounts are hidden.
async fn hidden(c: &mut SqliteConnection, unit: &IndexUnit) -> Result<HashSet<i64>, sqlx::Error> {
    let accounts: HashSet<i64> = unit.effects.iter().map(|(c, _)| c.did_id).collect();
    if accounts.is_empty() {
        return Ok(accounts);
    }
    let rows =
        sqlx::query("select did_id from hidden where did_id in (select value from json_each(?))")
            .bind(bulk::id_list(&accounts.into_iter().collect::<Vec<_>>()))
            .fetch_all(c)
            .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// An effect whose shape has been checked, before its ids are known.
enum Draft<'a> {
    Rows(&'a [Put]),
    Nothing,
    Dead(DeadReason, Cow<'a, str>),
}

impl<'a> Draft<'a> {
    fn of(tables: &GenerationTables, change: &Change, effect: &'a Effect, is_hidden: bool) -> Self {
        let is_live = matches!(change.state, ChangeState::Live { .. });
        if is_hidden || !is_live {
            return Self::Nothing;
        }
        match effect {
            Effect::Nothing => Self::Nothing,
            Effect::Dead { reason, detail } => Self::Dead(*reason, Cow::Borrowed(detail)),
            Effect::Rows(puts) => match puts.iter().find_map(|put| misfit(tables, put)) {
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
    fn resolve(self, tables: &GenerationTables, ids: &mut Ids<'_>) -> Option<Outcome<'a>> {
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
        Some(match collision(tables, &rows) {
            Some(detail) => Outcome::Dead(DeadReason::BadRows, Cow::Owned(detail)),
            None => Outcome::Rows(rows),
        })
    }
}

/// What makes a row unfit for its table.
fn misfit(tables: &GenerationTables, put: &Put) -> Option<String> {
    let Some(table) = tables.manifest.tables.get(usize::from(put.table)) else {
        return Some(format!(
            "expected a table's ordinal below {}, got {}",
            tables.manifest.tables.len(),
            put.table
        ));
    };
    if put.row.len() != table.columns.len() {
        return Some(format!(
            "table {}: expected {} values, got {}",
            table.name,
            table.columns.len(),
            put.row.len()
        ));
    }
    let bad = table
        .columns
        .iter()
        .zip(&put.row)
        .find(|(column, value)| match type_of(value) {
            Some(ty) => ty != column.ty,
            None => !column.nullable,
        });
    bad.map(|(column, value)| wrong_type(table, &String::from(column.clone()), value))
}

fn wrong_type(table: &Table, column: &str, value: &Value) -> String {
    let got = type_of(value).map_or("null", ColumnType::word);
    format!("table {}: expected {column:?}, got {got}", table.name)
}

fn type_of(value: &Value) -> Option<ColumnType> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(_) => ColumnType::Boolean,
        Value::Integer(_) => ColumnType::Integer,
        Value::Real(_) => ColumnType::Real,
        Value::Text(_) => ColumnType::Text,
        Value::Bytes(_) => ColumnType::Bytes,
        Value::Json(_) => ColumnType::Json,
        Value::Time(_) => ColumnType::Time,
        Value::Did(_) => ColumnType::Did,
        Value::Uri(_) => ColumnType::AtUri,
    })
}

/// Whether two rows of one record have one key in one table.
fn collision(tables: &GenerationTables, rows: &[Row<'_>]) -> Option<String> {
    if rows.len() < 2 {
        return None;
    }
    let mut keys = HashSet::with_capacity(rows.len());
    for row in rows {
        let table = tables.tables.get(row.table)?;
        let key: Vec<&Cell<'_>> = match table.form {
            Form::One => Vec::new(),
            Form::Many | Form::Claims => table
                .key_columns
                .iter()
                .filter_map(|at| row.cells.get(*at))
                .collect(),
        };
        if !keys.insert((row.table, key)) {
            let declared = tables.manifest.tables.get(row.table)?;
            return Some(format!(
                "table {}: two rows of one record with one key ({})",
                declared.name,
                declared.key.join(", ")
            ));
        }
    }
    None
}
