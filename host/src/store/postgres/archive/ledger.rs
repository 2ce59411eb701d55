//! The erase ledger in Postgres.

use sqlx::PgConnection;

use crate::store::archiving::ledger::LedgerRow;

/// Writes rows at `now_us`.
pub(super) async fn save(
    c: &mut PgConnection,
    rows: &[LedgerRow<'_>],
    now_us: i64,
) -> Result<(), sqlx::Error> {
    let erased: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row, row.event?)))
        .collect();
    if !erased.is_empty() {
        let dids: Vec<i64> = erased.iter().map(|(row, _)| row.did_id).collect();
        let sources: Vec<&str> = erased.iter().map(|(_, event)| &*event.source.0).collect();
        let seqs: Vec<i64> = erased.iter().map(|(_, event)| event.seq).collect();
        let lifted: Vec<bool> = erased.iter().map(|(row, _)| row.lifted).collect();
        sqlx::query(
            "insert into erased (did_id, source, seq, at_us, lifted_us) \
             select d, s, n, $5, case when l then $5 end \
             from unnest($1::bigint[], $2::text[], $3::bigint[], $4::boolean[]) as k(d, s, n, l) \
             on conflict (did_id) do update set source = excluded.source, seq = excluded.seq, \
             at_us = excluded.at_us, lifted_us = excluded.lifted_us, done = false, \
             after_coll = 0, after_rkey = ''",
        )
        .bind(dids)
        .bind(sources)
        .bind(seqs)
        .bind(lifted)
        .bind(now_us)
        .execute(&mut *c)
        .await?;
    }
    let lifted: Vec<i64> = rows
        .iter()
        .filter(|row| row.event.is_none() && row.lifted)
        .map(|row| row.did_id)
        .collect();
    if !lifted.is_empty() {
        sqlx::query("update erased set lifted_us = $2 where did_id = any($1)")
            .bind(lifted)
            .bind(now_us)
            .execute(c)
            .await?;
    }
    Ok(())
}
