//! From a read's checked parameters to what Postgres binds: values and arrays of the declared types, and interned ids
//! looked up in the snapshot.

use aviary_manifest::ColumnType;
use sqlx::postgres::{PgArguments, PgConnection, Postgres};
use sqlx::{Arguments as _, Row as _};

use super::database_error;
use crate::atproto::{AtUri, Did};
use crate::store::error::StoreError;
use crate::store::gate::{BindParam, CompiledRead};
use crate::store::read::Param;
use crate::store::reading::{Bound, Named, UNKNOWN, bounds, refused, text};
use crate::store::rows::Value;

/// Makes the arguments of a compiled read.
pub(in crate::store::postgres) async fn arguments(
    c: &mut PgConnection,
    read: &CompiledRead,
    params: &[Param],
) -> Result<PgArguments, StoreError> {
    let bounds = bounds(read, params)?;
    let mut ids = look_up(c, &bounds).await?.into_iter();
    let mut arguments = PgArguments::default();
    for ((number, bound), BindParam { ty, .. }) in bounds.iter().zip(&read.params) {
        match bound {
            Bound::One(value) => one(&mut arguments, *number, value, *ty)?,
            Bound::End(end) => add(&mut arguments, end.clone())?,
            Bound::Id(_) => add(&mut arguments, ids.next().unwrap_or(UNKNOWN))?,
            Bound::Many(values) => many(&mut arguments, *number, values, *ty)?,
            Bound::Ids(names) => {
                let ids: Vec<i64> = ids.by_ref().take(names.len()).collect();
                add(&mut arguments, ids)?;
            }
        }
    }
    Ok(arguments)
}

fn add<'q, T>(arguments: &mut PgArguments, value: T) -> Result<(), StoreError>
where
    T: sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres>,
{
    arguments
        .add(value)
        .map_err(|e| StoreError::Refused(format!("a parameter cannot be bound: {e}")))
}

/// The declared type decides what is sent: a statement is prepared once for all values.
fn one(
    arguments: &mut PgArguments,
    number: usize,
    value: &Value,
    ty: ColumnType,
) -> Result<(), StoreError> {
    match ty {
        ColumnType::Integer | ColumnType::Time => add(arguments, integer(number, value)?),
        ColumnType::Real => add(arguments, real(number, value)?),
        ColumnType::Boolean => add(arguments, boolean(number, value)?),
        ColumnType::Bytes => match value {
            Value::Bytes(bytes) => add(arguments, bytes.clone()),
            _ => Err(refused(number, "bytes", "another type")),
        },
        ColumnType::Text | ColumnType::Json | ColumnType::Did | ColumnType::AtUri => {
            add(arguments, text(number, value)?)
        }
    }
}

fn many(
    arguments: &mut PgArguments,
    number: usize,
    values: &[Value],
    ty: ColumnType,
) -> Result<(), StoreError> {
    match ty {
        ColumnType::Integer | ColumnType::Time => {
            let all: Result<Vec<i64>, _> = values.iter().map(|v| integer(number, v)).collect();
            add(arguments, all?)
        }
        ColumnType::Real => {
            let all: Result<Vec<f64>, _> = values.iter().map(|v| real(number, v)).collect();
            add(arguments, all?)
        }
        ColumnType::Boolean => {
            let all: Result<Vec<bool>, _> = values.iter().map(|v| boolean(number, v)).collect();
            add(arguments, all?)
        }
        ColumnType::Bytes => Err(refused(number, "no list of bytes", "one")),
        ColumnType::Text | ColumnType::Json | ColumnType::Did | ColumnType::AtUri => {
            let all: Result<Vec<String>, _> = values.iter().map(|v| text(number, v)).collect();
            add(arguments, all?)
        }
    }
}

fn integer(number: usize, value: &Value) -> Result<i64, StoreError> {
    match value {
        Value::Integer(n) | Value::Time(n) => Ok(*n),
        _ => Err(refused(number, "an integer", "another type")),
    }
}

fn real(number: usize, value: &Value) -> Result<f64, StoreError> {
    match value {
        Value::Real(x) => Ok(*x),
        // Exact up to 2^53, as everywhere where an integer meets a real.
        Value::Integer(n) => Ok(*n as f64),
        _ => Err(refused(number, "a number", "another type")),
    }
}

fn boolean(number: usize, value: &Value) -> Result<bool, StoreError> {
    match value {
        Value::Boolean(b) => Ok(*b),
        _ => Err(refused(number, "a truth value", "another type")),
    }
}

/// Interned ids of all names in all parameters, in order: one question for the accounts and one for the records.
async fn look_up(
    c: &mut PgConnection,
    bounds: &[(usize, Bound<'_>)],
) -> Result<Vec<i64>, StoreError> {
    let mut dids: Vec<(usize, &Did)> = Vec::new();
    let mut uris: Vec<(usize, &AtUri)> = Vec::new();
    let mut len = 0;
    for (_, bound) in bounds {
        let names = match bound {
            Bound::Id(name) => std::slice::from_ref(name),
            Bound::Ids(names) => names,
            Bound::One(_) | Bound::Many(_) | Bound::End(_) => &[],
        };
        for name in names {
            match name {
                Named::Did(did) => dids.push((len, did)),
                Named::Uri(uri) => uris.push((len, uri)),
            }
            len += 1;
        }
    }
    let mut ids = vec![UNKNOWN; len];
    if !dids.is_empty() {
        let asked: Vec<&str> = dids.iter().map(|(_, did)| did.as_str()).collect();
        let query = sqlx::query(
            "select k.i, d.id from unnest($1::text[]) with ordinality as k(t, i) join did d on d.did = k.t",
        )
        .bind(asked);
        let places: Vec<usize> = dids.iter().map(|(at, _)| *at).collect();
        fill(c, query, &places, &mut ids).await?;
    }
    if !uris.is_empty() {
        let asked: Vec<&AtUri> = uris.iter().map(|(_, uri)| *uri).collect();
        let (dids, nsids, rkeys) = parts(&asked);
        let query = sqlx::query(
            "select k.i, r.id from unnest($1::text[], $2::text[], $3::text[]) with ordinality as k(d, c, r, i) \
             join did d on d.did = k.d join collection c on c.nsid = k.c \
             join record r on r.did_id = d.id and r.coll_id = c.id and r.rkey = k.r",
        )
        .bind(dids)
        .bind(nsids)
        .bind(rkeys);
        let places: Vec<usize> = uris.iter().map(|(at, _)| *at).collect();
        fill(c, query, &places, &mut ids).await?;
    }
    Ok(ids)
}

/// Puts each id that a query gives, with the number of its question from 1, where its name stands.
async fn fill(
    c: &mut PgConnection,
    query: sqlx::query::Query<'_, Postgres, PgArguments>,
    places: &[usize],
    ids: &mut [i64],
) -> Result<(), StoreError> {
    let rows = query.fetch_all(c).await.map_err(|e| database_error(&e))?;
    for row in rows {
        let number: i64 = row.try_get(0).map_err(|e| database_error(&e))?;
        let id: i64 = row.try_get(1).map_err(|e| database_error(&e))?;
        let place = usize::try_from(number - 1).ok().and_then(|n| places.get(n));
        if let Some(slot) = place.and_then(|at| ids.get_mut(*at)) {
            *slot = id;
        }
    }
    Ok(())
}

/// URIs as one array for each part.
pub(super) fn parts<'u>(uris: &[&'u AtUri]) -> (Vec<&'u str>, Vec<&'u str>, Vec<&'u str>) {
    let dids = uris.iter().map(|u| u.did.as_str()).collect();
    let nsids = uris.iter().map(|u| u.collection.as_str()).collect();
    let rkeys = uris.iter().map(|u| u.rkey.as_str()).collect();
    (dids, nsids, rkeys)
}
