//! The host's own dead letters in the file.

use sqlx::SqliteConnection;

use super::super::bulk;
use crate::store::archiving::letters::Letter;
use crate::store::rows::DeadReason;

const NOT_THERE: &str = " where not exists (select 1 from dead_letter l \
     where l.subject = k.subject and l.generation = 0 and l.detail = k.detail)";

/// Writes letters at `now_us` and says how many it wrote.
pub(super) async fn write(
    c: &mut SqliteConnection,
    letters: &[&Letter],
    only_new: bool,
    now_us: i64,
) -> Result<u64, sqlx::Error> {
    let only = if only_new { NOT_THERE } else { "" };
    let tail = format!(
        ") insert into dead_letter (generation, subject, pos, reason, detail, at_us) \
         select 0, k.subject, k.pos, ?, k.detail, ? from k{only}"
    );
    let mut written = 0;
    for range in bulk::chunks(letters.len()) {
        let sql = bulk::values(
            "with k(subject, pos, detail) as (values ",
            "(?,?,?)",
            range.len(),
            &tail,
        );
        let mut query = sqlx::query(sql);
        for letter in &letters[range] {
            query = query
                .bind(letter.subject.as_str())
                .bind(letter.pos)
                .bind(letter.detail.as_str());
        }
        let done = query
            .bind(DeadReason::BadOp.word())
            .bind(now_us)
            .execute(&mut *c)
            .await?;
        written += done.rows_affected();
    }
    Ok(written)
}

/// Removes letters without a place in the feed.
pub(super) async fn remove(
    c: &mut SqliteConnection,
    subjects: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from dead_letter where generation = 0 and pos = 0 \
         and subject in (select value from json_each(?))",
    )
    .bind(serde_json::Value::from(subjects).to_string())
    .execute(c)
    .await?;
    Ok(())
}
