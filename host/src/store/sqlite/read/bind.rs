//! From a read's checked parameters to what SQLite binds: values, JSON arrays, and interned ids looked up in the
//! snapshot.

use serde_json::{Value as Json, json};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, SqliteConnection};

use super::database_error;
use crate::atproto::AtUri;
use crate::store::error::StoreError;
use crate::store::gate::CompiledRead;
use crate::store::read::Param;
use crate::store::reading::{Bound, Named, UNKNOWN, bounds, refused, text};
use crate::store::rows::Value;

/// Makes the arguments of a compiled read.
pub(super) async fn arguments(
    c: &mut SqliteConnection,
    read: &CompiledRead,
    params: &[Param],
) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for (number, bound) in bounds(read, params)? {
        match bound {
            Bound::One(value) => add_value(&mut arguments, number, value)?,
            Bound::End(Some(end)) => add(&mut arguments, end)?,
            // Any text is less than any bytes.
            Bound::End(None) => add(&mut arguments, Vec::<u8>::new())?,
            Bound::Id(name) => {
                let ids = ids(c, &[name]).await?;
                add(&mut arguments, ids.first().copied().unwrap_or(UNKNOWN))?;
            }
            Bound::Many(values) => {
                let items: Vec<Json> = values
                    .iter()
                    .map(|v| item(number, v))
                    .collect::<Result<_, _>>()?;
                add(&mut arguments, Json::from(items).to_string())?;
            }
            Bound::Ids(names) => {
                let ids = ids(c, &names).await?;
                add(&mut arguments, Json::from(ids).to_string())?;
            }
        }
    }
    Ok(arguments)
}

fn add<'q, T>(arguments: &mut SqliteArguments, value: T) -> Result<(), StoreError>
where
    T: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    arguments
        .add(value)
        .map_err(|e| StoreError::Refused(format!("a parameter cannot be bound: {e}")))
}

fn add_value(
    arguments: &mut SqliteArguments,
    number: usize,
    value: &Value,
) -> Result<(), StoreError> {
    match value {
        Value::Null => Err(refused(number, "a value", "null")),
        Value::Boolean(b) => add(arguments, i64::from(*b)),
        Value::Integer(n) | Value::Time(n) => add(arguments, *n),
        Value::Real(x) => add(arguments, *x),
        Value::Bytes(bytes) => add(arguments, bytes.clone()),
        Value::Text(_) | Value::Json(_) | Value::Did(_) | Value::Uri(_) => {
            add(arguments, text(number, value)?)
        }
    }
}

fn item(number: usize, value: &Value) -> Result<Json, StoreError> {
    match value {
        Value::Null => Err(refused(number, "values", "null")),
        Value::Boolean(b) => Ok(i64::from(*b).into()),
        Value::Integer(n) | Value::Time(n) => Ok((*n).into()),
        Value::Real(x) => serde_json::Number::from_f64(*x)
            .map(Json::Number)
            .ok_or_else(|| refused(number, "finite numbers", &x.to_string())),
        Value::Bytes(_) => Err(refused(number, "no list of bytes", "one")),
        Value::Text(_) | Value::Json(_) | Value::Did(_) | Value::Uri(_) => {
            text(number, value).map(Json::String)
        }
    }
}

/// Interned ids, one for each name; all names are of one kind.
async fn ids(c: &mut SqliteConnection, names: &[Named<'_>]) -> Result<Vec<i64>, StoreError> {
    let asked: Vec<Json> = names
        .iter()
        .map(|name| match name {
            Named::Did(did) => json!([did.as_str()]),
            Named::Uri(uri) => of_uri(uri),
        })
        .collect();
    let found: Vec<(i64, i64)> = sqlx::query_as(match names.first() {
        Some(Named::Did(_)) => {
            r#"select "k"."key", "d"."id" from json_each(?1) as "k"
               cross join "did" as "d" on "d"."did" = "k"."value" ->> 0"#
        }
        _ => {
            r#"select "k"."key", "r"."id" from json_each(?1) as "k"
               cross join "did" as "d" on "d"."did" = "k"."value" ->> 0
               cross join "collection" as "c" on "c"."nsid" = "k"."value" ->> 1
               cross join "record" as "r" on "r"."did_id" = "d"."id" and "r"."coll_id" = "c"."id"
                   and "r"."rkey" = "k"."value" ->> 2"#
        }
    })
    .bind(Json::from(asked).to_string())
    .fetch_all(c)
    .await
    .map_err(|e| database_error(&e))?;
    let mut ids = vec![UNKNOWN; names.len()];
    for (at, id) in found {
        if let Some(slot) = usize::try_from(at).ok().and_then(|at| ids.get_mut(at)) {
            *slot = id;
        }
    }
    Ok(ids)
}

/// A URI's parts, as the statements above and [`super::records`] take them apart.
pub(super) fn of_uri(uri: &AtUri) -> Json {
    json!([uri.did.as_str(), uri.collection.as_str(), uri.rkey.as_str()])
}
