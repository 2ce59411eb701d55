//! Looks at SQLite's plan of a compiled read when a plugin is loaded: a wrong name, or a walk through a whole table,
//! is an error then and not at three in the morning.
//!
//! A walk along an index is accepted where a LIMIT stops it. The plan is that of an empty database: SQLite decides
//! by the indexes there are, for nobody runs ANALYZE.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::read::database_error;
use crate::store::error::StoreError;
use crate::store::gate::{CompiledRead, ReadSource};

/// One line of EXPLAIN QUERY PLAN.
#[derive(Clone, Debug)]
struct Step {
    id: i64,
    parent: i64,
    detail: String,
}

/// Prepares and plans one read.
///
/// # Errors
/// [`StoreError::Refused`] when SQLite does not accept it, or when it walks through a table.
pub(super) async fn check_plan(
    c: &mut SqliteConnection,
    read: &CompiledRead,
) -> Result<(), StoreError> {
    let sql = format!("explain query plan {}", read.sql);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .persistent(false)
        .fetch_all(c)
        .await
        .map_err(|e| match database_error(&e) {
            StoreError::Refused(reason) => {
                StoreError::Refused(format!("read {:?}: {reason}", read.name))
            }
            other => other,
        })?;
    let mut steps = Vec::with_capacity(rows.len());
    for row in rows {
        let step = Step {
            id: row.try_get(0).map_err(|e| database_error(&e))?,
            parent: row.try_get(1).map_err(|e| database_error(&e))?,
            detail: row.try_get(3).map_err(|e| database_error(&e))?,
        };
        steps.push(step);
    }
    for step in &steps {
        if let Some(reason) = objection(read, &steps, step) {
            return Err(StoreError::Refused(format!(
                "read {:?}: {reason}",
                read.name
            )));
        }
    }
    Ok(())
}

/// What is wrong with one step.
fn objection(read: &CompiledRead, steps: &[Step], step: &Step) -> Option<String> {
    let (verb, rest) = step.detail.split_once(' ')?;
    let name = rest.split(' ').next()?;
    let is_scan = match verb {
        "SCAN" => true,
        "SEARCH" if rest.contains(" USING AUTOMATIC ") => true,
        _ => return None,
    };
    let is_made = rest.contains("CONSTANT ROW") || name.starts_with('(') || name == "json_each";
    if is_made || is_derived(name) || is_materialized(steps, name) {
        return None;
    }
    let along_index = is_scan
        && [
            " USING INDEX ",
            " USING COVERING INDEX ",
            " USING PRIMARY KEY",
        ]
        .iter()
        .any(|w| rest.contains(w));
    if along_index && stops(read, steps, step) {
        return None;
    }
    Some(advice(source_of(read, name), name, along_index))
}

/// Aliases that the gate gives to derived tables and common table expressions.
fn is_derived(name: &str) -> bool {
    is_alias(name, &['d', 'e', 'q'])
}

fn is_alias(name: &str, kinds: &[char]) -> bool {
    name.strip_prefix(kinds)
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether `name` is a view whose rows are made by steps of their own, which are judged instead.
fn is_materialized(steps: &[Step], name: &str) -> bool {
    is_alias(name, &['t']) && steps.iter().any(|s| made_for(&s.detail) == Some(name))
}

fn made_for(detail: &str) -> Option<&str> {
    ["MATERIALIZE ", "CO-ROUTINE "]
        .iter()
        .find_map(|p| detail.strip_prefix(p))
}

/// Whether a walk along an index ends at a LIMIT: nothing around it wants all of its rows first.
fn stops(read: &CompiledRead, steps: &[Step], step: &Step) -> bool {
    let wants_all = steps.iter().any(|s| {
        s.parent == step.parent
            && (s.detail == "USE TEMP B-TREE FOR ORDER BY"
                || s.detail == "USE TEMP B-TREE FOR GROUP BY")
    });
    let mut above = step.parent;
    while let Some(parent) = steps.iter().find(|s| s.id == above && above != 0) {
        if made_for(&parent.detail).is_some_and(|n| is_alias(n, &['t'])) {
            return false;
        }
        above = parent.parent;
    }
    let bounded = if step.parent == 0 {
        read.bounded.outer
    } else {
        read.bounded.inner
    };
    bounded && !wants_all
}

/// The relation behind a name in a plan: the gate's alias, the view, or the table below it.
fn source_of<'a>(read: &'a CompiledRead, name: &str) -> Option<&'a ReadSource> {
    let is_named = |s: &&ReadSource| {
        s.emitted == name
            || s.physical == name
            || s.physical.strip_suffix("_v") == Some(name)
            || s.relation == name
    };
    let only = match &read.sources[..] {
        [one] => Some(one),
        _ => None,
    };
    read.sources.iter().find(is_named).or(only)
}

fn advice(source: Option<&ReadSource>, name: &str, along_index: bool) -> String {
    let table = source.map_or(name, |s| s.relation.as_str());
    if along_index {
        return format!(
            "it walks along an index through all of {table}: add ORDER BY and LIMIT that the index serves, \
             or a condition that narrows it; for a number of rows declare a count in [[counts]]"
        );
    }
    let terms: Vec<String> = source
        .iter()
        .flat_map(|s| s.equal.iter().chain(&s.sorted))
        .map(|t| format!("{t:?}"))
        .collect();
    if terms.is_empty() {
        return format!(
            "it walks through the whole table {table}: narrow it by an indexed column, or order it by one with a \
             LIMIT; for a number of rows declare a count in [[counts]]"
        );
    }
    format!(
        "it walks through the whole table {table}: declare an index such as indexes = [[{}]] on it",
        terms.join(", ")
    )
}

#[cfg(test)]
mod tests;
