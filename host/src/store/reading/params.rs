//! From a read's parameters to what is bound.

use crate::atproto::{AtUri, Did};
use crate::limits;
use crate::store::error::StoreError;
use crate::store::gate::{BindForm, BindParam, CompiledRead, after_prefix};
use crate::store::read::Param;
use crate::store::rows::Value;

/// The id of what the host has never seen: no row has it.
pub(in crate::store) const UNKNOWN: i64 = -1;

/// What one parameter of the SQL binds.
#[derive(Debug)]
pub(in crate::store) enum Bound<'p> {
    /// A value.
    One(&'p Value),
    /// The id of a name.
    Id(Named<'p>),
    /// A list of values, none of them bytes.
    Many(&'p [Value]),
    /// A list of ids.
    Ids(Vec<Named<'p>>),
    /// The bound above a prefix; `None` when there is none.
    End(Option<String>),
}

/// What has an interned id.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Named<'p> {
    /// An account.
    Did(&'p Did),
    /// A record.
    Uri(&'p AtUri),
}

/// Checks parameters and puts them in the order of the SQL's.
///
/// # Errors
/// [`StoreError::Refused`] with the number of the parameter and what was expected.
pub(in crate::store) fn bounds<'p>(
    read: &CompiledRead,
    params: &'p [Param],
) -> Result<Vec<(usize, Bound<'p>)>, StoreError> {
    let mut all = Vec::with_capacity(read.params.len());
    for BindParam { param, form, .. } in &read.params {
        let number = param + 1;
        let Some(given) = params.get(*param) else {
            return Err(refused(number, "a value", "nothing"));
        };
        let bound = match (form, given) {
            (BindForm::Value, Param::One(value)) => {
                check(number, value)?;
                Bound::One(value)
            }
            (BindForm::PrefixEnd, Param::One(value)) => {
                Bound::End(after_prefix(&text(number, value)?))
            }
            (BindForm::Id, Param::One(value)) => Bound::Id(named(number, value)?),
            (BindForm::ValueList, Param::Many(values)) => {
                check_list(number, values)?;
                Bound::Many(values)
            }
            (BindForm::IdList, Param::Many(values)) => {
                check_length(number, values)?;
                let names = values.iter().map(|v| named(number, v));
                Bound::Ids(names.collect::<Result<_, _>>()?)
            }
            (_, Param::One(_)) => return Err(refused(number, "a list", "one value")),
            (_, Param::Many(_)) => return Err(refused(number, "one value", "a list")),
        };
        all.push((number, bound));
    }
    Ok(all)
}

/// The refusal of a parameter, numbered from 1.
pub(in crate::store) fn refused(number: usize, expected: &str, got: &str) -> StoreError {
    StoreError::Refused(format!(
        "parameter ${number}: expected {expected}, got {got}"
    ))
}

/// The text of a value that has one.
///
/// # Errors
/// When it has none, or holds a NUL.
pub(in crate::store) fn text(number: usize, value: &Value) -> Result<String, StoreError> {
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

fn check(number: usize, value: &Value) -> Result<(), StoreError> {
    match value {
        Value::Null => Err(refused(number, "a value", "null")),
        Value::Real(x) if !x.is_finite() => Err(refused(number, "a finite number", &x.to_string())),
        Value::Text(t) | Value::Json(t) if t.contains('\0') => {
            Err(refused(number, "text without NUL", "a NUL"))
        }
        _ => Ok(()),
    }
}

fn check_list(number: usize, values: &[Value]) -> Result<(), StoreError> {
    check_length(number, values)?;
    for value in values {
        if let Value::Bytes(_) = value {
            return Err(refused(number, "no list of bytes", "one"));
        }
        check(number, value)?;
    }
    Ok(())
}

fn check_length(number: usize, values: &[Value]) -> Result<(), StoreError> {
    if values.len() <= limits::READ_LIST_MAX {
        return Ok(());
    }
    let expected = format!("at most {} values", limits::READ_LIST_MAX);
    Err(refused(number, &expected, &values.len().to_string()))
}

fn named(number: usize, value: &Value) -> Result<Named<'_>, StoreError> {
    match value {
        Value::Did(did) => Ok(Named::Did(did)),
        Value::Uri(uri) => Ok(Named::Uri(uri)),
        _ => Err(refused(number, "a did or at-uri", "another type")),
    }
}
