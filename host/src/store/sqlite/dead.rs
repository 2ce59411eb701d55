//! Dead letters: at most one for each record and generation, replaced by whatever becomes of the record next.

use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::bulk;
use crate::store::{Change, DeadLetter, DeadReason, GenerationId, StoreError};

/// A change that could not be used.
pub(super) struct Dead<'u> {
    pub(super) change: &'u Change,
    pub(super) reason: DeadReason,
    pub(super) detail: String,
}

/// Replaces the dead letters of the touched records.
pub(super) async fn replace(
    db: &mut SqliteConnection,
    generation: GenerationId,
    touched: &[i64],
    dead: &[Dead<'_>],
    now_us: i64,
) -> Result<(), StoreError> {
    sqlx::query("delete from dead_letter where generation = ?1 and record_id in (select value from json_each(?2))")
        .bind(generation)
        .bind(bulk::id_list(touched))
        .execute(&mut *db)
        .await?;
    for chunk in bulk::chunks(dead) {
        let sql = format!(
            "insert into dead_letter (generation, record_id, pos, reason, detail, at_us) values {}",
            bulk::values(6, chunk.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for letter in chunk {
            query = query
                .bind(generation)
                .bind(letter.change.record_id)
                .bind(letter.change.pos)
                .bind(letter.reason.word())
                .bind(letter.detail.as_str())
                .bind(now_us);
        }
        query.execute(&mut *db).await?;
    }
    Ok(())
}

/// A generation's dead letters, newest first.
pub(super) async fn list(
    db: &mut SqliteConnection,
    generation: GenerationId,
    limit: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let sql = "select coalesce(l.subject, 'at://' || d.did || '/' || c.nsid || '/' || r.rkey), l.pos, l.reason, l.detail, l.at_us \
         from dead_letter l left join record r on r.id = l.record_id left join did d on d.id = r.did_id \
         left join collection c on c.id = r.coll_id where l.generation = ?1 order by l.id desc limit ?2";
    Ok(sqlx::query(sql)
        .bind(generation)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| DeadLetter {
            generation,
            subject: row.get(0),
            pos: row.get(1),
            reason: row.get(2),
            detail: row.get(3),
            at_us: row.get(4),
        })
        .collect())
}
