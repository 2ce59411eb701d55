//! Values as the database holds them: DIDs and URIs by their ids.

use std::collections::HashMap;

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection, TypeInfo, ValueRef};

use super::Made;
use crate::atproto::{AtUri, Did};
use crate::store::sqlite::intern::Interner;
use crate::store::{StoreError, Value};

/// One value of a row in the database.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store::sqlite) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// Adds the value to a statement's parameters.
    pub(in crate::store::sqlite) fn bind<'q>(
        self,
        query: sqlx::query::Query<'q, Sqlite, SqliteArguments>,
    ) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
        match self {
            Self::Null => query.bind(None::<i64>),
            Self::Integer(i) => query.bind(i),
            Self::Real(r) => query.bind(r),
            Self::Text(t) => query.bind(t),
            Self::Bytes(b) => query.bind(b),
        }
    }

    /// Reads a key's or a count's column: integer, text or null.
    pub(in crate::store::sqlite) fn read(row: &SqliteRow, at: usize) -> Result<Self, sqlx::Error> {
        let raw = row.try_get_raw(at)?;
        if raw.is_null() {
            return Ok(Self::Null);
        }
        Ok(match raw.type_info().name() {
            "TEXT" => Self::Text(row.try_get(at)?),
            _ => Self::Integer(row.try_get_unchecked(at)?),
        })
    }

    /// Its form inside a JSON array of keys. Reals and bytes are never in a key: the manifest's rules.
    pub(in crate::store::sqlite) fn json(&self) -> serde_json::Value {
        match self {
            Self::Integer(i) => (*i).into(),
            Self::Text(t) => t.as_str().into(),
            Self::Null | Self::Real(_) | Self::Bytes(_) => serde_json::Value::Null,
        }
    }
}

/// Ids of everything that a unit's rows refer to.
pub(super) struct Ids {
    dids: HashMap<Did, i64>,
    uris: HashMap<AtUri, i64>,
}

impl Ids {
    pub(super) async fn intern(
        db: &mut SqliteConnection,
        intern: &mut Interner,
        made: &[Made<'_>],
    ) -> Result<Self, StoreError> {
        let (mut dids, mut uris) = (Vec::new(), Vec::new());
        for value in made
            .iter()
            .flat_map(|(_, puts)| puts.iter())
            .flat_map(|put| &put.row)
        {
            match value {
                Value::Did(did) => dids.push(did.clone()),
                Value::Uri(uri) => uris.push(uri.clone()),
                _ => {}
            }
        }
        let did_ids = intern.dids(db, &dids).await?;
        let uri_ids = intern.uris(db, &uris).await?;
        Ok(Self {
            dids: dids.into_iter().zip(did_ids).collect(),
            uris: uris.into_iter().zip(uri_ids).collect(),
        })
    }

    pub(super) fn cell(&self, value: &Value) -> Cell {
        match value {
            Value::Null => Cell::Null,
            Value::Boolean(b) => Cell::Integer(i64::from(*b)),
            Value::Integer(i) | Value::Time(i) => Cell::Integer(*i),
            Value::Real(r) => Cell::Real(*r),
            Value::Text(t) | Value::Json(t) => Cell::Text(t.clone()),
            Value::Bytes(b) => Cell::Bytes(b.clone()),
            Value::Did(did) => self
                .dids
                .get(did)
                .map_or(Cell::Null, |id| Cell::Integer(*id)),
            Value::Uri(uri) => self
                .uris
                .get(uri)
                .map_or(Cell::Null, |id| Cell::Integer(*id)),
        }
    }
}
