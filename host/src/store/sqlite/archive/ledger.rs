//! The erase ledger: whose deletion was confirmed, and whether that still stands.

use sqlx::SqliteConnection;

use crate::entry::Erase;

/// What a unit writes into the ledger, in its order.
#[derive(Default)]
pub(super) struct Ledger<'a>(Vec<(i64, Option<&'a Erase>)>);

impl<'a> Ledger<'a> {
    /// Everything of the account goes.
    pub(super) fn erase(&mut self, did_id: i64, event: &'a Erase) {
        self.0.push((did_id, Some(event)));
    }

    /// The account is active again.
    pub(super) fn lift(&mut self, did_id: i64) {
        self.0.push((did_id, None));
    }

    /// Writes it at `now_us`; says whether there is something to erase.
    pub(super) async fn save(
        self,
        c: &mut SqliteConnection,
        now_us: i64,
    ) -> Result<bool, sqlx::Error> {
        let mut erases = false;
        for (did_id, event) in self.0 {
            let Some(event) = event else {
                sqlx::query("update erased set lifted_us = ? where did_id = ?")
                    .bind(now_us)
                    .bind(did_id)
                    .execute(&mut *c)
                    .await?;
                continue;
            };
            erases = true;
            sqlx::query(
                "insert or replace into erased (did_id, source, seq, at_us) values (?, ?, ?, ?)",
            )
            .bind(did_id)
            .bind(event.source.0.to_string())
            .bind(event.seq)
            .bind(now_us)
            .execute(&mut *c)
            .await?;
        }
        Ok(erases)
    }
}
