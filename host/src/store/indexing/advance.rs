//! Moving a generation's positions: all of them from where the unit started, or none.

use std::collections::BTreeMap;

use super::shape::Shape;
use super::sql::IndexSql;
use super::unknown;
use crate::entry::Partition;
use crate::store::error::StoreError;
use crate::store::feed::Pos;
use crate::store::rows::Advance;

/// What became of a unit's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advanced {
    /// The positions have moved.
    Now,
    /// They stood at the unit's end already: it was committed, and its sender never heard.
    Before,
}

/// Moves a generation's positions if all of them stand where the unit started.
///
/// A COMMIT whose answer got lost may have happened. Its unit is handed in again; then every position stands exactly
/// at the unit's end. Nobody else can have put them there: positions move by the one host that holds the partitions,
/// and that host hands in one unit of a generation at a time.
///
/// # Errors
/// [`StoreError::PositionMoved`]; nothing has been written then.
pub(super) async fn advance<S: IndexSql>(
    sql: &mut S,
    shape: &Shape,
    advances: &[Advance],
) -> Result<Advanced, StoreError> {
    if advances.is_empty() {
        return Ok(Advanced::Now);
    }
    let mut partitions: Vec<Partition> = advances.iter().map(|a| a.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let found: BTreeMap<Partition, Pos> = sql.positions(&partitions).await?.into_iter().collect();
    let ends: BTreeMap<Partition, Pos> = advances.iter().map(|a| (a.partition, a.to)).collect();
    if ends.iter().all(|(part, to)| found.get(part) == Some(to))
        && advances.iter().any(|a| a.from != a.to)
    {
        return Ok(Advanced::Before);
    }
    hold_against(shape, found, advances)?;
    let ends: Vec<(Partition, Pos)> = ends.into_iter().collect();
    sql.stand_at(&ends).await?;
    Ok(Advanced::Now)
}

/// That each step begins where the positions stand, or where the step before it ended.
fn hold_against(
    shape: &Shape,
    mut now: BTreeMap<Partition, Pos>,
    advances: &[Advance],
) -> Result<(), StoreError> {
    for step in advances {
        let found = *now.get(&step.partition).ok_or_else(|| unknown(shape.id))?;
        if found != step.from {
            return Err(StoreError::PositionMoved {
                partition: step.partition,
                owner: shape.manifest.name.clone(),
                expected: step.from,
                found,
            });
        }
        now.insert(step.partition, step.to);
    }
    Ok(())
}
