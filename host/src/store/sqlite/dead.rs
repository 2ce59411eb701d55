//! Dead letters of generations: at most one for each record, replaced by the record's next state.

use sqlx::{Row as _, SqliteConnection};

use super::schema::GenerationTables;
use crate::store::error::StoreError;
use crate::store::indexing::Letter;
use crate::store::rows::{DeadLetter, GenerationId};

/// Removes what the records in a JSON array of ids had, and writes `letters`, at `at_us` microseconds since 1970.
pub(super) async fn replace(
    c: &mut SqliteConnection,
    tables: &GenerationTables,
    records: &str,
    letters: &[Letter<'_>],
    at_us: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from dead_letter where generation = ? and record_id in (select value from json_each(?))",
    )
    .bind(tables.shape.id)
    .bind(records)
    .execute(&mut *c)
    .await?;
    for chunk in tables.dead.chunks(letters.len()) {
        let mut query = sqlx::query(tables.dead.text(&chunk));
        for letter in &letters[chunk] {
            query = query
                .bind(tables.shape.id)
                .bind(letter.record_id)
                .bind(letter.pos)
                .bind(letter.reason.word())
                .bind(letter.detail)
                .bind(at_us);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

/// A generation's dead letters, newest first.
pub(super) async fn list(
    c: &mut SqliteConnection,
    generation: GenerationId,
    limit: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = sqlx::query(
        "select coalesce(l.subject, 'at://' || did.did || '/' || collection.nsid || '/' || record.rkey, ''), \
                l.pos, l.reason, l.detail, l.at_us \
         from dead_letter l left join record on record.id = l.record_id \
         left join did on did.id = record.did_id left join collection on collection.id = record.coll_id \
         where l.generation = ? order by l.id desc limit ?",
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
