//! Dead letters of generations: at most one for each record, replaced by the record's next state.

use sqlx::{PgConnection, Row as _};

use crate::store::error::StoreError;
use crate::store::indexing::Letter;
use crate::store::rows::{DeadLetter, GenerationId};

/// Removes what records had, and writes `letters`, at `at_us` microseconds since 1970.
pub(super) async fn replace(
    c: &mut PgConnection,
    generation: GenerationId,
    records: &[i64],
    letters: &[Letter<'_>],
    at_us: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from dead_letter where generation = $1 and record_id = any($2::bigint[])")
        .bind(generation)
        .bind(records)
        .execute(&mut *c)
        .await?;
    if letters.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into dead_letter (generation, record_id, pos, reason, detail, at_us) \
         select $1, k.record_id, k.pos, k.reason, k.detail, $6 \
         from unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[]) as k(record_id, pos, reason, detail)",
    )
    .bind(generation)
    .bind(letters.iter().map(|l| l.record_id).collect::<Vec<i64>>())
    .bind(letters.iter().map(|l| l.pos).collect::<Vec<i64>>())
    .bind(letters.iter().map(|l| l.reason.word()).collect::<Vec<&str>>())
    .bind(letters.iter().map(|l| l.detail).collect::<Vec<&str>>())
    .bind(at_us)
    .execute(&mut *c)
    .await?;
    Ok(())
}

/// A generation's dead letters, newest first.
pub(super) async fn list(
    c: &mut PgConnection,
    generation: GenerationId,
    limit: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = sqlx::query(
        "select coalesce(l.subject, 'at://' || did.did || '/' || collection.nsid || '/' || record.rkey, ''), \
                l.pos, l.reason, l.detail, l.at_us \
         from dead_letter l left join record on record.id = l.record_id \
         left join did on did.id = record.did_id left join collection on collection.id = record.coll_id \
         where l.generation = $1 order by l.id desc limit $2",
    )
    .bind(generation)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(DeadLetter {
                generation,
                subject: row.try_get(0)?,
                pos: row.try_get(1)?,
                reason: row.try_get(2)?,
                detail: row.try_get(3)?,
                at_us: row.try_get(4)?,
            })
        })
        .collect()
}
