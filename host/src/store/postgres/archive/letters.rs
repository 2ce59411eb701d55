//! The host's own dead letters in Postgres.

use sqlx::PgConnection;

use crate::store::archiving::letters::Letter;
use crate::store::rows::DeadReason;

const ALL: &str = "\
    insert into dead_letter (generation, subject, pos, reason, detail, at_us) \
    select 0, k.subject, k.pos, $4, k.detail, $5 \
    from unnest($1::text[], $2::bigint[], $3::text[]) as k(subject, pos, detail)";

const ONLY_NEW: &str = "\
    insert into dead_letter (generation, subject, pos, reason, detail, at_us) \
    select 0, k.subject, k.pos, $4, k.detail, $5 \
    from unnest($1::text[], $2::bigint[], $3::text[]) as k(subject, pos, detail) \
    where not exists (select 1 from dead_letter l \
    where l.subject = k.subject and l.generation = 0 and l.detail = k.detail)";

/// Writes letters at `now_us` and says how many it wrote.
pub(super) async fn write(
    c: &mut PgConnection,
    letters: &[&Letter],
    only_new: bool,
    now_us: i64,
) -> Result<u64, sqlx::Error> {
    let subjects: Vec<&str> = letters.iter().map(|l| l.subject.as_str()).collect();
    let pos: Vec<i64> = letters.iter().map(|l| l.pos).collect();
    let details: Vec<&str> = letters.iter().map(|l| l.detail.as_str()).collect();
    let done = sqlx::query(if only_new { ONLY_NEW } else { ALL })
        .bind(subjects)
        .bind(pos)
        .bind(details)
        .bind(DeadReason::BadOp.word())
        .bind(now_us)
        .execute(c)
        .await?;
    Ok(done.rows_affected())
}

/// Removes letters without a place in the feed.
pub(super) async fn remove(c: &mut PgConnection, subjects: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query("delete from dead_letter where generation = 0 and pos = 0 and subject = any($1)")
        .bind(subjects)
        .execute(c)
        .await?;
    Ok(())
}
