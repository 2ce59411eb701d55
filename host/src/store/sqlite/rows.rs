//! The statements of one unit of one plugin, inside the writer's savepoint; what they are for is decided in
//! [`indexing`](crate::store::indexing).
//!
//! Guarantees: a statement over many rows is cut into chunks whose texts were made once; none walks through a table.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::intern::Interner;
use super::schema::GenerationTables;
use super::{bulk, dead, generation};
use crate::atproto::{AtUri, Did};
use crate::entry::Partition;
use crate::store::error::StoreError;
use crate::store::feed::{ChangeState, Pos};
use crate::store::indexing::{self, Counter, Form, IndexSql, Key, Letter, New, Old, Rank, Rival};
use crate::store::rows::{Applied, IndexUnit};

mod cell;

use cell::{bind, read_kept};

/// Applies `unit`. The caller holds a savepoint and rolls it back on an error.
///
/// # Errors
/// As [`indexing::apply`].
pub(super) async fn apply(
    c: &mut SqliteConnection,
    intern: &mut Interner,
    tables: &GenerationTables,
    unit: &IndexUnit,
) -> Result<Applied, StoreError> {
    let mut statements = Statements { c, intern, tables };
    indexing::apply(&mut statements, &tables.shape, unit).await
}

/// One generation's statements on the write connection.
struct Statements<'a> {
    c: &'a mut SqliteConnection,
    intern: &'a mut Interner,
    tables: &'a GenerationTables,
}

#[async_trait]
impl IndexSql for Statements<'_> {
    /// A JSON array of ids.
    type Records = String;

    async fn positions(&mut self, _: &[Partition]) -> Result<Vec<(Partition, Pos)>, sqlx::Error> {
        // There is one writer: what it has read stays.
        sqlx::query_as("select part, pos from position where generation = ?")
            .bind(self.tables.shape.id)
            .fetch_all(&mut *self.c)
            .await
    }

    async fn stand_at(&mut self, at: &[(Partition, Pos)]) -> Result<(), sqlx::Error> {
        generation::stand_at(self.c, self.tables, at).await
    }

    async fn hidden(&mut self, accounts: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "select did_id from hidden where did_id in (select value from json_each(?))",
        )
        .bind(bulk::id_list(accounts))
        .fetch_all(&mut *self.c)
        .await
    }

    async fn ids(
        &mut self,
        dids: &[Did],
        uris: &[AtUri],
    ) -> Result<(Vec<i64>, Vec<i64>), sqlx::Error> {
        let dids = self.intern.dids(self.c, dids).await?;
        Ok((dids, self.intern.uris(self.c, uris).await?))
    }

    async fn attempt(&mut self) -> Result<(), sqlx::Error> {
        self.run("savepoint changes").await
    }

    async fn keep(&mut self) -> Result<(), sqlx::Error> {
        self.run("release changes").await
    }

    async fn undo(&mut self) -> Result<(), sqlx::Error> {
        self.run("rollback to changes").await?;
        self.run("release changes").await
    }

    fn is_about_values(error: &sqlx::Error) -> bool {
        const TOO_BIG: u32 = 18;
        const CONSTRAINT: u32 = 19;
        const MISMATCH: u32 = 20;
        error
            .as_database_error()
            .and_then(|e| e.code()?.parse::<u32>().ok())
            // An extended code's low byte is its primary one.
            .is_some_and(|code| matches!(code & 0xff, TOO_BIG | CONSTRAINT | MISMATCH))
    }

    fn records(ids: &[i64]) -> String {
        bulk::id_list(ids)
    }

    async fn remove(&mut self, table: usize, records: &String) -> Result<Vec<Old>, sqlx::Error> {
        let texts = &self.tables.tables[table];
        let query = sqlx::query(AssertSqlSafe(texts.remove.clone())).bind(records);
        if texts.kept.is_empty() {
            query.execute(&mut *self.c).await?;
            return Ok(Vec::new());
        }
        let rows = query.fetch_all(&mut *self.c).await?;
        rows.iter()
            .map(|row| {
                Ok(Old {
                    wins: row.try_get_unchecked::<i64, _>(0)? == 1,
                    kept: read_kept(texts, row, 1)?,
                })
            })
            .collect()
    }

    async fn rivals(&mut self, table: usize, keys: &[Key<'_>]) -> Result<Vec<Rival>, sqlx::Error> {
        let texts = &self.tables.tables[table];
        let Some(claims) = &texts.claims else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for chunk in claims.rivals.chunks(keys.len()) {
            let mut query = sqlx::query(claims.rivals.text(&chunk));
            for cell in keys[chunk].iter().flatten() {
                query = bind(cell, query);
            }
            for row in query.fetch_all(&mut *self.c).await? {
                let rev = row.try_get_unchecked(3)?;
                let (collection, rkey) = (row.try_get_unchecked(4)?, row.try_get_unchecked(5)?);
                found.push(Rival {
                    record_id: row.try_get_unchecked(0)?,
                    n: row.try_get_unchecked(1)?,
                    wins: row.try_get_unchecked::<i64, _>(2)? == 1,
                    rank: Rank::new(rev, collection, rkey),
                    kept: read_kept(texts, &row, 6)?,
                });
            }
        }
        Ok(found)
    }

    async fn turn(&mut self, table: usize, turned: &[&Rival]) -> Result<(), sqlx::Error> {
        let Some(claims) = &self.tables.tables[table].claims else {
            return Ok(());
        };
        for chunk in claims.turn.chunks(turned.len()) {
            let mut query = sqlx::query(claims.turn.text(&chunk));
            for rival in &turned[chunk] {
                query = query.bind(rival.record_id).bind(rival.n);
            }
            query.execute(&mut *self.c).await?;
        }
        Ok(())
    }

    async fn insert(&mut self, table: usize, new: &[New<'_>]) -> Result<(), sqlx::Error> {
        let form = self.tables.shape.tables[table].form;
        let insert = &self.tables.tables[table].insert;
        for chunk in insert.chunks(new.len()) {
            let mut query = sqlx::query(insert.text(&chunk));
            for row in &new[chunk] {
                // A row comes from a live record only.
                let ChangeState::Live {
                    rev, cid, seen_us, ..
                } = &row.change.state
                else {
                    continue;
                };
                query = query.bind(row.change.record_id);
                if form != Form::One {
                    query = query.bind(row.row.n);
                }
                query = query
                    .bind(row.change.did_id)
                    .bind(row.change.pos)
                    .bind(rev.as_str())
                    .bind(cid.to_string())
                    .bind(*seen_us);
                if form == Form::Claims {
                    query = query.bind(i64::from(row.wins));
                }
                for cell in &row.row.cells {
                    query = bind(cell, query);
                }
            }
            query.execute(&mut *self.c).await?;
        }
        Ok(())
    }

    async fn add(
        &mut self,
        table: usize,
        count: usize,
        counters: &[Counter<'_>],
    ) -> Result<(), sqlx::Error> {
        let add = &self.tables.tables[table].counts[count].add;
        for chunk in add.chunks(counters.len()) {
            let mut query = sqlx::query(add.text(&chunk));
            for (key, n) in &counters[chunk] {
                for cell in key {
                    query = bind(cell, query);
                }
                query = query.bind(*n);
            }
            query.execute(&mut *self.c).await?;
        }
        Ok(())
    }

    async fn clear(
        &mut self,
        table: usize,
        count: usize,
        counters: &[&Counter<'_>],
    ) -> Result<(), sqlx::Error> {
        let clear = &self.tables.tables[table].counts[count].clear;
        for chunk in clear.chunks(counters.len()) {
            let mut query = sqlx::query(clear.text(&chunk));
            for cell in counters[chunk].iter().flat_map(|(key, _)| key) {
                query = bind(cell, query);
            }
            query.execute(&mut *self.c).await?;
        }
        Ok(())
    }

    async fn letters(
        &mut self,
        records: &String,
        letters: &[Letter<'_>],
        at_us: i64,
    ) -> Result<(), sqlx::Error> {
        dead::replace(self.c, self.tables, records, letters, at_us).await
    }
}

impl Statements<'_> {
    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(sql).execute(&mut *self.c).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
