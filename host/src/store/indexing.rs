//! What one unit of one plugin does to its tables, whatever the database: decided here once, for every backend.
//!
//! Guarantees: after [`apply`], each record of the unit owns exactly the rows that its effect says, none when its
//! account is hidden; what SQL refuses costs only the change that it belongs to; positions move by compare-and-set.
//! A backend brings its statements ([`IndexSql`]) and the transaction around it. On an error the caller must roll
//! back: trouble of the machine is never a dead letter.

mod advance;
mod cell;
mod claims;
mod counts;
mod fit;
mod halving;
mod letters;
mod registering;
mod relations;
mod replace;
mod resolve;
mod shape;
mod sql;
mod views;

pub(super) use cell::{Cell, Real};
pub(super) use claims::{Key, Rank, Rival};
pub(super) use counts::Counter;
pub(super) use letters::Letter;
pub(super) use registering::{manifest_of, manifest_text, unknown};
pub(super) use relations::gate_schema;
pub(super) use replace::{New, Old};
pub(super) use shape::{CountShape, Form, Shape, Source, TableShape, counted, quoted};
pub(super) use sql::IndexSql;
pub(super) use views::{ViewShape, views};

use super::error::StoreError;
use super::rows::{Applied, IndexUnit};
use advance::Advanced;

/// Applies `unit`. The caller holds a transaction, or a savepoint in one, and rolls it back on an error.
///
/// # Errors
/// [`StoreError::PositionMoved`] before anything is written; [`StoreError::Unavailable`] and the like for the machine.
pub(super) async fn apply<S: IndexSql>(
    sql: &mut S,
    shape: &Shape,
    unit: &IndexUnit,
) -> Result<Applied, StoreError> {
    if advance::advance(sql, shape, &unit.advances).await? == Advanced::Before {
        return Ok(Applied {
            repeated: true,
            ..Applied::default()
        });
    }
    let mut changes = resolve::resolve(sql, shape, unit).await?;
    let rows = halving::write(sql, shape, &mut changes, unit.now_us).await?;
    let dead = changes.iter().filter(|r| r.is_dead()).count();
    Ok(Applied {
        rows,
        dead: u64::try_from(dead).unwrap_or(u64::MAX),
        repeated: false,
    })
}
