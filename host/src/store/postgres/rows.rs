//! The statements of one unit of one plugin, inside the caller's transaction; what they are for is decided in
//! [`indexing`](crate::store::indexing).
//!
//! Guarantees: each statement takes all its rows at once, so a unit costs a number of round trips that depends on its
//! tables and not on its size. The positions' rows stay locked until the transaction ends: units of one generation
//! that move the same partitions follow each other, and a generation is not retired in the middle of one.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::dead;
use super::intern::Ids;
use super::schema::GenerationTables;
use crate::atproto::{AtUri, Did};
use crate::entry::Partition;
use crate::store::error::StoreError;
use crate::store::feed::{ChangeState, Pos};
use crate::store::indexing::{self, Counter, Form, IndexSql, Key, Letter, New, Old, Rank, Rival};
use crate::store::rows::{Applied, IndexUnit};

mod columns;

/// Applies `unit`. The caller holds a transaction and rolls it back on an error.
///
/// # Errors
/// As [`indexing::apply`].
pub(super) async fn apply(
    c: &mut PgConnection,
    ids: &mut Ids<'_>,
    tables: &GenerationTables,
    unit: &IndexUnit,
) -> Result<Applied, StoreError> {
    let mut statements = Statements { c, ids, tables };
    indexing::apply(&mut statements, &tables.shape, unit).await
}

/// One generation's statements in one transaction.
struct Statements<'a, 'i> {
    c: &'a mut PgConnection,
    ids: &'a mut Ids<'i>,
    tables: &'a GenerationTables,
}

#[async_trait]
impl IndexSql for Statements<'_, '_> {
    type Records = Vec<i64>;

    async fn positions(&mut self, of: &[Partition]) -> Result<Vec<(Partition, Pos)>, sqlx::Error> {
        let rows = sqlx::query(
            "select part, pos from position where generation = $1 and part = any($2::integer[]) \
             order by part for update",
        )
        .bind(self.tables.shape.id)
        .bind(of.iter().map(|p| i32::from(*p)).collect::<Vec<i32>>())
        .fetch_all(&mut *self.c)
        .await?;
        rows.iter()
            .map(|row| {
                let part = Partition::try_from(row.try_get::<i32, _>(0)?);
                Ok((
                    part.map_err(|e| sqlx::Error::Decode(e.into()))?,
                    row.try_get(1)?,
                ))
            })
            .collect()
    }

    async fn stand_at(&mut self, at: &[(Partition, Pos)]) -> Result<(), sqlx::Error> {
        let (parts, to): (Vec<i32>, Vec<i64>) = at
            .iter()
            .map(|(part, pos)| (i32::from(*part), *pos))
            .unzip();
        sqlx::query(
            "update position p set pos = k.pos from unnest($2::integer[], $3::bigint[]) as k(part, pos) \
             where p.generation = $1 and p.part = k.part",
        )
        .bind(self.tables.shape.id)
        .bind(parts)
        .bind(to)
        .execute(&mut *self.c)
        .await?;
        Ok(())
    }

    async fn hidden(&mut self, accounts: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar("select did_id from hidden where did_id = any($1::bigint[])")
            .bind(accounts)
            .fetch_all(&mut *self.c)
            .await
    }

    async fn ids(
        &mut self,
        dids: &[Did],
        uris: &[AtUri],
    ) -> Result<(Vec<i64>, Vec<i64>), sqlx::Error> {
        // All accounts in one go: rows are made in one order, so that two transactions never wait in a circle.
        let all: Vec<Did> = dids
            .iter()
            .chain(uris.iter().map(|u| &u.did))
            .cloned()
            .collect();
        let mut all = self.ids.dids(self.c, &all).await?;
        all.truncate(dids.len());
        Ok((all, self.ids.uris(self.c, uris).await?))
    }

    async fn attempt(&mut self) -> Result<(), sqlx::Error> {
        self.run("savepoint changes").await
    }

    async fn keep(&mut self) -> Result<(), sqlx::Error> {
        self.run("release savepoint changes").await
    }

    async fn undo(&mut self) -> Result<(), sqlx::Error> {
        self.run("rollback to savepoint changes; release savepoint changes")
            .await
    }

    fn is_about_values(error: &sqlx::Error) -> bool {
        // Data exceptions, constraints, and limits of the program (an index's key that is too long).
        const CLASSES: [&str; 3] = ["22", "23", "54"];
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|state| CLASSES.iter().any(|class| state.starts_with(class)))
    }

    fn records(ids: &[i64]) -> Vec<i64> {
        ids.to_vec()
    }

    async fn remove(&mut self, table: usize, records: &Vec<i64>) -> Result<Vec<Old>, sqlx::Error> {
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
                    wins: row.try_get::<i32, _>(0)? == 1,
                    kept: columns::read(row, 1, &texts.kept)?,
                })
            })
            .collect()
    }

    async fn rivals(&mut self, table: usize, keys: &[Key<'_>]) -> Result<Vec<Rival>, sqlx::Error> {
        let texts = &self.tables.tables[table];
        let mut query = sqlx::query(AssertSqlSafe(texts.rivals.clone()));
        for (at, ty) in texts.key.iter().enumerate() {
            query = columns::bind(query, *ty, keys.iter().map(|key| key.get(at).copied()));
        }
        let rows = query.fetch_all(&mut *self.c).await?;
        rows.iter()
            .map(|row| {
                let rank = Rank::new(row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
                Ok(Rival {
                    record_id: row.try_get(0)?,
                    n: row.try_get::<i32, _>(1)?.into(),
                    wins: row.try_get::<i32, _>(2)? == 1,
                    rank,
                    kept: columns::read(row, 6, &texts.kept)?,
                })
            })
            .collect()
    }

    async fn turn(&mut self, table: usize, claims: &[&Rival]) -> Result<(), sqlx::Error> {
        let records: Vec<i64> = claims.iter().map(|c| c.record_id).collect();
        let numbers: Vec<i32> = claims.iter().map(|c| ordinal(c.n)).collect();
        sqlx::query(AssertSqlSafe(self.tables.tables[table].turn.clone()))
            .bind(records)
            .bind(numbers)
            .execute(&mut *self.c)
            .await?;
        Ok(())
    }

    async fn insert(&mut self, table: usize, rows: &[New<'_>]) -> Result<(), sqlx::Error> {
        let form = self.tables.shape.tables[table].form;
        let texts = &self.tables.tables[table];
        let query = sqlx::query(AssertSqlSafe(texts.insert.clone()));
        let mut query = host_columns(query, form, rows);
        for (at, ty) in texts.columns.iter().enumerate() {
            query = columns::bind(query, *ty, rows.iter().map(|new| new.row.cells.get(at)));
        }
        query.execute(&mut *self.c).await?;
        Ok(())
    }

    async fn add(
        &mut self,
        table: usize,
        count: usize,
        counters: &[Counter<'_>],
    ) -> Result<(), sqlx::Error> {
        let texts = &self.tables.tables[table].counts[count];
        let mut query = sqlx::query(AssertSqlSafe(texts.add.clone()));
        for (at, ty) in texts.by.iter().enumerate() {
            query = columns::bind(query, *ty, counters.iter().map(|(key, _)| key.get(at)));
        }
        let numbers: Vec<i64> = counters.iter().map(|(_, n)| *n).collect();
        query.bind(numbers).execute(&mut *self.c).await?;
        Ok(())
    }

    async fn clear(
        &mut self,
        table: usize,
        count: usize,
        counters: &[&Counter<'_>],
    ) -> Result<(), sqlx::Error> {
        let texts = &self.tables.tables[table].counts[count];
        let mut query = sqlx::query(AssertSqlSafe(texts.clear.clone()));
        for (at, ty) in texts.by.iter().enumerate() {
            query = columns::bind(query, *ty, counters.iter().map(|(key, _)| key.get(at)));
        }
        query.execute(&mut *self.c).await?;
        Ok(())
    }

    async fn letters(
        &mut self,
        records: &Vec<i64>,
        letters: &[Letter<'_>],
        at_us: i64,
    ) -> Result<(), sqlx::Error> {
        dead::replace(self.c, self.tables.shape.id, records, letters, at_us).await
    }
}

impl Statements<'_, '_> {
    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(&mut *self.c).await?;
        Ok(())
    }
}

/// A row's number in its record and table; a change has few rows.
fn ordinal(n: i64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Binds what the host adds to each row.
fn host_columns<'q>(
    query: columns::Statement<'q>,
    form: Form,
    rows: &[New<'_>],
) -> columns::Statement<'q> {
    let of = |number: fn(&New<'_>) -> i64| rows.iter().map(number).collect::<Vec<i64>>();
    // A row comes from a live record only.
    let lives = || {
        rows.iter().filter_map(|new| match &new.change.state {
            ChangeState::Live {
                rev, cid, seen_us, ..
            } => Some((rev, cid, seen_us)),
            ChangeState::Deleted => None,
        })
    };
    let mut query = query
        .bind(of(|new| new.change.record_id))
        .bind(of(|new| new.change.did_id))
        .bind(of(|new| new.change.pos))
        .bind(
            lives()
                .map(|(_, _, seen_us)| *seen_us)
                .collect::<Vec<i64>>(),
        )
        .bind(lives().map(|(rev, ..)| rev.as_str()).collect::<Vec<&str>>())
        .bind(
            lives()
                .map(|(_, cid, _)| cid.to_string())
                .collect::<Vec<String>>(),
        );
    if form != Form::One {
        query = query.bind(
            rows.iter()
                .map(|new| ordinal(new.row.n))
                .collect::<Vec<i32>>(),
        );
    }
    if form == Form::Claims {
        query = query.bind(
            rows.iter()
                .map(|new| i32::from(new.wins))
                .collect::<Vec<i32>>(),
        );
    }
    query
}
