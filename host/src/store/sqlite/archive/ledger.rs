//! The erase ledger in the file.

use sqlx::SqliteConnection;

use crate::store::archiving::ledger::LedgerRow;

/// Writes rows at `now_us`. They are rare: one statement each.
pub(super) async fn save(
    c: &mut SqliteConnection,
    rows: &[LedgerRow<'_>],
    now_us: i64,
) -> Result<(), sqlx::Error> {
    for row in rows {
        let lifted_us = row.lifted.then_some(now_us);
        let Some(event) = row.event else {
            sqlx::query("update erased set lifted_us = ? where did_id = ?")
                .bind(lifted_us)
                .bind(row.did_id)
                .execute(&mut *c)
                .await?;
            continue;
        };
        sqlx::query(
            "insert or replace into erased (did_id, source, seq, at_us, lifted_us) values (?, ?, ?, ?, ?)",
        )
        .bind(row.did_id)
        .bind(event.source.0.to_string())
        .bind(event.seq)
        .bind(now_us)
        .bind(lifted_us)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}
