//! Lets Postgres plan a compiled read when a plugin is loaded, as the role that will run it: a type that does not fit,
//! or a privilege that is missing, is an error then and not at the first request.
//!
//! Does not judge the plan: a planner that goes by costs says nothing about an empty table. Whether a read walks
//! through a whole table is decided by the indexes there are, the same for every database: see [`super::compile_reads`].

use aviary_manifest::ColumnType;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Acquire as _, Arguments as _, AssertSqlSafe, Executor as _};

use super::read::database_error;
use crate::store::error::StoreError;
use crate::store::gate::{BindForm, BindParam, CompiledRead};
use crate::store::indexing::quoted;

/// Plans one read in a savepoint of the caller's transaction.
///
/// # Errors
/// [`StoreError::Refused`] when Postgres does not accept it.
pub(super) async fn check(
    c: &mut PgConnection,
    role: &str,
    read: &CompiledRead,
) -> Result<(), StoreError> {
    explain(c, role, read).await.map(drop).map_err(|e| match e {
        StoreError::Refused(reason) => {
            StoreError::Refused(format!("read {:?}: {reason}", read.name))
        }
        other => other,
    })
}

/// The lines of the read's plan, without values for its parameters.
async fn explain(
    c: &mut PgConnection,
    role: &str,
    read: &CompiledRead,
) -> Result<Vec<String>, StoreError> {
    let mut savepoint = c.begin().await?;
    let take_on = format!("set local role {}", quoted(role));
    savepoint
        .execute(sqlx::raw_sql(AssertSqlSafe(take_on)))
        .await?;
    let sql = AssertSqlSafe(format!("explain {}", read.sql));
    let planned = sqlx::query_scalar_with(sql, nulls(read)?)
        .persistent(false)
        .fetch_all(&mut *savepoint)
        .await
        .map_err(|e| database_error(&e));
    // The role goes with the savepoint.
    savepoint.rollback().await?;
    planned
}

/// A NULL of its type for each parameter.
fn nulls(read: &CompiledRead) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for BindParam { ty, form, .. } in &read.params {
        let added = match (form, ty) {
            (BindForm::Id, _) => arguments.add(None::<i64>),
            (BindForm::IdList, _) => arguments.add(None::<Vec<i64>>),
            (BindForm::PrefixEnd, _) => arguments.add(None::<String>),
            (BindForm::Value, ColumnType::Integer | ColumnType::Time) => arguments.add(None::<i64>),
            (BindForm::Value, ColumnType::Real) => arguments.add(None::<f64>),
            (BindForm::Value, ColumnType::Boolean) => arguments.add(None::<bool>),
            (BindForm::Value, ColumnType::Bytes) => arguments.add(None::<Vec<u8>>),
            (BindForm::Value, _) => arguments.add(None::<String>),
            (BindForm::ValueList, ColumnType::Integer | ColumnType::Time) => {
                arguments.add(None::<Vec<i64>>)
            }
            (BindForm::ValueList, ColumnType::Real) => arguments.add(None::<Vec<f64>>),
            (BindForm::ValueList, ColumnType::Boolean) => arguments.add(None::<Vec<bool>>),
            (BindForm::ValueList, _) => arguments.add(None::<Vec<String>>),
        };
        added.map_err(|e| StoreError::Refused(format!("a parameter cannot be bound: {e}")))?;
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests;
