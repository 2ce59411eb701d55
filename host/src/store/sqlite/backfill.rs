//! How far each backfill's listing came.

use sqlx::{Row as _, SqliteConnection};

use crate::entry::BackfillMark;
use crate::store::archive::BackfillJob;
use crate::store::error::StoreError;

/// Writes marks in their order, at `now_us`. One that has listed less than what is there is old and changes nothing.
pub(super) async fn save(
    c: &mut SqliteConnection,
    marks: &[&BackfillMark],
    now_us: i64,
) -> Result<(), sqlx::Error> {
    for mark in marks {
        sqlx::query(
            "insert into backfill (job, cursor, listed_all, listed, at_us) values (?, ?, ?, ?, ?) \
             on conflict (job) do update set cursor = excluded.cursor, \
             listed_all = excluded.listed_all, listed = excluded.listed, at_us = excluded.at_us \
             where excluded.listed > listed \
             or (excluded.listed = listed and listed_all = 0 and excluded.cursor is not cursor)",
        )
        .bind(&*mark.job)
        .bind(mark.cursor.as_deref())
        .bind(mark.cursor.is_none())
        .bind(i64::try_from(mark.listed).unwrap_or(i64::MAX))
        .bind(now_us)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// Every backfill: see [`crate::store::Store::backfill_jobs`].
pub(super) async fn jobs(c: &mut SqliteConnection) -> Result<Vec<BackfillJob>, StoreError> {
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
