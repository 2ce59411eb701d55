//! Where the partitions stand.

use sqlx::{PgConnection, Row as _};

use crate::entry::{Partition, Source};
use crate::store::archiving::standing::Standing;
use crate::store::error::{StoreError, corrupt};

/// One snapshot of heads and marks.
const SELECT: &str = "\
    select p.part, p.pos, m.source, m.seq from partition p left join mark m on m.part = p.part";

const LOCK: &str = "select part from partition where part = any($1) order by part for update";

/// Reads heads and marks of all partitions, in one snapshot.
pub(super) async fn load(c: &mut PgConnection, partitions: u16) -> Result<Standing, StoreError> {
    let mut standing = Standing::new(partitions);
    for row in &sqlx::query(SELECT).fetch_all(c).await? {
        let part = partition(row.try_get(0)?)?;
        standing.held_pos(part, row.try_get(1)?);
        let source: Option<String> = row.try_get(2)?;
        if let Some(source) = source {
            standing.held_mark(Source(source.into()), part, row.try_get(3)?);
        }
    }
    Ok(standing)
}

/// Keeps everybody else from moving these partitions until the transaction ends. What is read of their accounts after
/// this stays true. In order, so that two transactions never wait for each other in a circle.
pub(super) async fn lock(
    c: &mut PgConnection,
    partitions: &[Partition],
) -> Result<(), sqlx::Error> {
    let wanted: Vec<i32> = partitions.iter().map(|p| i32::from(*p)).collect();
    sqlx::query(LOCK).bind(wanted).execute(c).await?;
    Ok(())
}

/// Writes what moved since the last time.
pub(super) async fn save(c: &mut PgConnection, standing: &mut Standing) -> Result<(), sqlx::Error> {
    let moved = standing.take_moved();
    if !moved.is_empty() {
        let parts: Vec<i32> = moved.iter().map(|(part, _)| i32::from(*part)).collect();
        let pos: Vec<i64> = moved.iter().map(|(_, pos)| *pos).collect();
        sqlx::query(
            "update partition set pos = k.pos from unnest($1::int[], $2::bigint[]) as k(part, pos) \
             where partition.part = k.part",
        )
        .bind(parts)
        .bind(pos)
        .execute(&mut *c)
        .await?;
    }
    let marked = standing.take_marked();
    if !marked.is_empty() {
        let sources: Vec<&str> = marked.iter().map(|(source, ..)| &*source.0).collect();
        let parts: Vec<i32> = marked.iter().map(|(_, part, _)| i32::from(*part)).collect();
        let seqs: Vec<i64> = marked.iter().map(|(.., seq)| *seq).collect();
        sqlx::query(
            "insert into mark (source, part, seq) \
             select s, p, n from unnest($1::text[], $2::int[], $3::bigint[]) as k(s, p, n) \
             on conflict (source, part) do update set seq = excluded.seq",
        )
        .bind(sources)
        .bind(parts)
        .bind(seqs)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// A partition's number as its column has it.
pub(super) fn partition(stored: i32) -> Result<Partition, StoreError> {
    Partition::try_from(stored)
        .map_err(|_| corrupt(format!("expected a partition's number, got {stored}")))
}
