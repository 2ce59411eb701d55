//! How far each backfill's listing came.

use sqlx::{PgConnection, Row as _};

use crate::entry::BackfillMark;
use crate::store::archive::BackfillJob;
use crate::store::error::StoreError;
use crate::store::rows::without_nul;

/// Writes one mark of each job at `now_us`. One that has listed less than what is there is old and changes nothing.
pub(super) async fn save(
    c: &mut PgConnection,
    marks: &[&BackfillMark],
    now_us: i64,
) -> Result<(), sqlx::Error> {
    let jobs: Vec<&str> = marks.iter().map(|mark| &*mark.job).collect();
    // Opaque to us, and no host that answers well puts a NUL into one.
    let cursors: Vec<Option<String>> = marks
        .iter()
        .map(|mark| mark.cursor.clone().map(without_nul))
        .collect();
    let listed: Vec<i64> = marks
        .iter()
        .map(|mark| i64::try_from(mark.listed).unwrap_or(i64::MAX))
        .collect();
    sqlx::query(
        "insert into backfill (job, cursor, listed_all, listed, at_us) \
         select j, c, c is null, n, $4 from unnest($1::text[], $2::text[], $3::bigint[]) as k(j, c, n) \
         on conflict (job) do update set cursor = excluded.cursor, \
         listed_all = excluded.listed_all, listed = excluded.listed, at_us = excluded.at_us \
         where excluded.listed > backfill.listed or (excluded.listed = backfill.listed \
         and not backfill.listed_all and excluded.cursor is distinct from backfill.cursor)",
    )
    .bind(jobs)
    .bind(cursors)
    .bind(listed)
    .bind(now_us)
    .execute(c)
    .await?;
    Ok(())
}

/// Every backfill: see [`crate::store::Store::backfill_jobs`].
pub(super) async fn jobs(c: &mut PgConnection) -> Result<Vec<BackfillJob>, StoreError> {
    let rows = sqlx::query("select job, cursor, listed_all, listed from backfill order by job")
        .fetch_all(c)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(BackfillJob {
                job: row.try_get(0)?,
                cursor: row.try_get(1)?,
                listed_all: row.try_get(2)?,
                listed: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or_default(),
            })
        })
        .collect()
}
