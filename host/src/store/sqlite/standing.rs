//! Where the partitions stand, in the file.

use sqlx::{Row as _, SqliteConnection};

use super::bulk;
use crate::entry::Source;
use crate::store::archiving::standing::Standing;

/// Reads heads and marks of all partitions.
pub(super) async fn load(
    c: &mut SqliteConnection,
    partitions: u16,
) -> Result<Standing, sqlx::Error> {
    let mut standing = Standing::new(partitions);
    for row in sqlx::query("select part, pos from partition")
        .fetch_all(&mut *c)
        .await?
    {
        standing.held_pos(row.try_get(0)?, row.try_get(1)?);
    }
    for row in sqlx::query("select source, part, seq from mark")
        .fetch_all(&mut *c)
        .await?
    {
        let source = Source(row.try_get::<String, _>(0)?.into());
        standing.held_mark(source, row.try_get(1)?, row.try_get(2)?);
    }
    Ok(standing)
}

/// Writes what moved since the last time.
pub(super) async fn save(
    c: &mut SqliteConnection,
    standing: &mut Standing,
) -> Result<(), sqlx::Error> {
    let moved = standing.take_moved();
    for range in bulk::chunks(moved.len()) {
        let sql = bulk::values(
            "insert into partition (part, pos) values ",
            "(?,?)",
            range.len(),
            " on conflict (part) do update set pos = excluded.pos",
        );
        let mut query = sqlx::query(sql);
        for (part, pos) in &moved[range] {
            query = query.bind(*part).bind(*pos);
        }
        query.execute(&mut *c).await?;
    }
    let marked = standing.take_marked();
    for range in bulk::chunks(marked.len()) {
        let sql = bulk::values(
            "insert into mark (source, part, seq) values ",
            "(?,?,?)",
            range.len(),
            " on conflict (source, part) do update set seq = excluded.seq",
        );
        let mut query = sqlx::query(sql);
        for (source, part, seq) in &marked[range] {
            query = query.bind(source.0.to_string()).bind(*part).bind(*seq);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}
