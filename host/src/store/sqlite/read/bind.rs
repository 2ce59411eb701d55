//! From a read's parameters to what SQLite binds: values, JSON arrays, and interned ids looked up in the snapshot.

use serde_json::{Value as Json, json};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, SqliteConnection};

use super::database_error;
use crate::atproto::{AtUri, Did};
use crate::limits;
use crate::store::error::StoreError;
use crate::store::gate::{BindForm, BindParam, CompiledRead, after_prefix};
use crate::store::read::Param;
use crate::store::rows::Value;

/// The id of what the host has never seen: no row has it.
const UNKNOWN: i64 = -1;

/// Makes the arguments of a compiled read.
pub(super) async fn arguments(
    c: &mut SqliteConnection,
    read: &CompiledRead,
    params: &[Param],
) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for BindParam { param, form } in &read.params {
        let number = param + 1;
        let Some(given) = params.get(*param) else {
            return Err(refused(number, "a value", "nothing"));
        };
        match (form, given) {
            (BindForm::Value, Param::One(value)) => add_value(&mut arguments, number, value)?,
            (BindForm::PrefixEnd, Param::One(value)) => match after_prefix(&text(number, value)?) {
                Some(end) => add(&mut arguments, end)?,
                // Any text is less than any bytes.
                None => add(&mut arguments, Vec::<u8>::new())?,
            },
            (BindForm::Id, Param::One(value)) => {
                let ids = ids(c, number, std::slice::from_ref(value)).await?;
                add(&mut arguments, ids.first().copied().unwrap_or(UNKNOWN))?;
            }
            (BindForm::ValueList, Param::Many(values)) => {
                check_length(number, values)?;
                let items: Vec<Json> = values
                    .iter()
                    .map(|v| item(number, v))
                    .collect::<Result<_, _>>()?;
                add(&mut arguments, Json::from(items).to_string())?;
            }
            (BindForm::IdList, Param::Many(values)) => {
                check_length(number, values)?;
                let ids = ids(c, number, values).await?;
                add(&mut arguments, Json::from(ids).to_string())?;
            }
            (_, Param::One(_)) => return Err(refused(number, "a list", "one value")),
            (_, Param::Many(_)) => return Err(refused(number, "one value", "a list")),
        }
    }
    Ok(arguments)
}

fn refused(number: usize, expected: &str, got: &str) -> StoreError {
    StoreError::Refused(format!(
        "parameter ${number}: expected {expected}, got {got}"
    ))
}

fn check_length(number: usize, values: &[Value]) -> Result<(), StoreError> {
    if values.len() <= limits::READ_LIST_MAX {
        return Ok(());
    }
    let expected = format!("at most {} values", limits::READ_LIST_MAX);
    Err(refused(number, &expected, &values.len().to_string()))
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
        Value::Real(x) if x.is_finite() => add(arguments, *x),
        Value::Real(x) => Err(refused(number, "a finite number", &x.to_string())),
        Value::Bytes(bytes) => add(arguments, bytes.clone()),
        Value::Text(_) | Value::Json(_) | Value::Did(_) | Value::Uri(_) => {
            add(arguments, text(number, value)?)
        }
    }
}

fn text(number: usize, value: &Value) -> Result<String, StoreError> {
    match value {
        Value::Text(t) | Value::Json(t) if t.contains('\0') => {
            Err(refused(number, "text without NUL", "a NUL"))
        }
        Value::Text(t) | Value::Json(t) => Ok(t.clone()),
        Value::Did(did) => Ok(did.to_string()),
        Value::Uri(uri) => Ok(uri.to_string()),
        _ => Err(refused(number, "text", "another type")),
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

/// Interned ids, one for each value.
async fn ids(
    c: &mut SqliteConnection,
    number: usize,
    values: &[Value],
) -> Result<Vec<i64>, StoreError> {
    let mut asked = Vec::with_capacity(values.len());
    for value in values {
        asked.push(match value {
            Value::Did(did) => of_did(did),
            Value::Uri(uri) => of_uri(uri),
            _ => return Err(refused(number, "a did or at-uri", "another type")),
        });
    }
    let found: Vec<(i64, i64)> = sqlx::query_as(match values.first() {
        Some(Value::Did(_)) => {
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
    let mut ids = vec![UNKNOWN; values.len()];
    for (at, id) in found {
        if let Some(slot) = usize::try_from(at).ok().and_then(|at| ids.get_mut(at)) {
            *slot = id;
        }
    }
    Ok(ids)
}

fn of_did(did: &Did) -> Json {
    json!([did.as_str()])
}

/// A URI's parts, as the statements above and [`super::records`] take them apart.
pub(super) fn of_uri(uri: &AtUri) -> Json {
    json!([uri.did.as_str(), uri.collection.as_str(), uri.rkey.as_str()])
}
