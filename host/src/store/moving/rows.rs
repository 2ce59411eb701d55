//! Rows on their way: read from either side in one form, bound to Postgres as columns, and summed up.

use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row, SqliteConnection};

use super::tables::{Kind, Table};
use crate::store::error::StoreError;

/// One value; booleans are integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// What a set of rows comes to, whatever their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// How many.
    pub rows: u64,
    /// The sum of the first 16 bytes of each row's SHA-256.
    pub sum: u128,
}

impl Checksum {
    fn add(&mut self, row: &[Cell]) {
        let mut hash = Sha256::new();
        for cell in row {
            match cell {
                Cell::Int(Some(n)) => {
                    hash.update([1]);
                    hash.update(n.to_be_bytes());
                }
                Cell::Text(Some(text)) => part(&mut hash, 2, text.as_bytes()),
                Cell::Bytes(Some(bytes)) => part(&mut hash, 3, bytes),
                Cell::Int(None) | Cell::Text(None) | Cell::Bytes(None) => hash.update([0]),
            }
        }
        let digest = hash.finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(first));
    }
}

fn part(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// How many rows of a table the file holds.
pub(super) async fn count(c: &mut SqliteConnection, table: &Table) -> Result<u64, StoreError> {
    let sql = format!("select count(*) from {} where {}", table.name, table.only);
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(c).await?;
    Ok(rows.unsigned_abs())
}

/// A row of the file.
pub(super) fn of_file(row: &SqliteRow, table: &Table) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |(at, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match kind {
            Kind::Int | Kind::Bool => Cell::Int(row.try_get(at)?),
            Kind::Text => Cell::Text(row.try_get(at)?),
            Kind::Bytes => Cell::Bytes(row.try_get(at)?),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}

fn of_database(row: &PgRow, table: &Table) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |(at, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match kind {
            Kind::Int | Kind::Bool => Cell::Int(row.try_get(at)?),
            Kind::Text => Cell::Text(row.try_get(at)?),
            Kind::Bytes => Cell::Bytes(row.try_get(at)?),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// Sums up a table of the file; `told` hears how many rows were read, now and then.
pub(super) async fn checksum_of_file(
    c: &mut SqliteConnection,
    table: &Table,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<Checksum, StoreError> {
    let sql = format!(
        "select {} from {} where {}",
        table.selected(false),
        table.name,
        table.only
    );
    let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(c);
    let mut checksum = Checksum::default();
    while let Some(row) = rows.try_next().await? {
        checksum.add(&of_file(&row, table)?);
        if checksum.rows.is_multiple_of(10_000) {
            told(checksum.rows);
        }
    }
    Ok(checksum)
}

/// Sums up a table of the database.
pub(super) async fn checksum_of_database(
    pool: &PgPool,
    table: &Table,
) -> Result<Checksum, StoreError> {
    let sql = format!(
        "select {} from {} where {}",
        table.selected(true),
        table.name,
        table.only
    );
    let mut tx = pool.begin().await?;
    // A large table takes longer than any statement of a running host may.
    sqlx::raw_sql("set local statement_timeout = 0")
        .execute(&mut *tx)
        .await?;
    let mut checksum = Checksum::default();
    {
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            checksum.add(&of_database(&row, table)?);
        }
    }
    tx.commit().await?;
    Ok(checksum)
}

/// Binds rows as one array for each column.
pub(super) fn bind<'q>(
    mut query: Query<'q, Postgres, PgArguments>,
    table: &Table,
    rows: Vec<Vec<Cell>>,
) -> Query<'q, Postgres, PgArguments> {
    let mut columns: Vec<Vec<Cell>> = table
        .columns
        .iter()
        .map(|_| Vec::with_capacity(rows.len()))
        .collect();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    for (cells, (_, kind)) in columns.into_iter().zip(table.columns) {
        query = match kind {
            Kind::Int => query.bind(ints(cells).collect::<Vec<_>>()),
            Kind::Bool => query.bind(ints(cells).map(|n| n.map(|n| n != 0)).collect::<Vec<_>>()),
            Kind::Text => query.bind(cells.into_iter().map(text).collect::<Vec<_>>()),
            Kind::Bytes => query.bind(cells.into_iter().map(bytes).collect::<Vec<_>>()),
        };
    }
    query
}

fn ints(cells: Vec<Cell>) -> impl Iterator<Item = Option<i64>> {
    cells.into_iter().map(|cell| match cell {
        Cell::Int(n) => n,
        Cell::Text(_) | Cell::Bytes(_) => None,
    })
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => text,
        Cell::Int(_) | Cell::Bytes(_) => None,
    }
}

fn bytes(cell: Cell) -> Option<Vec<u8>> {
    match cell {
        Cell::Bytes(bytes) => bytes,
        Cell::Int(_) | Cell::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[Vec<Cell>]) -> Checksum {
        let mut checksum = Checksum::default();
        rows.iter().for_each(|row| checksum.add(row));
        checksum
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let a = vec![Cell::Int(Some(1)), Cell::Text(Some("ab".into()))];
        let b = vec![Cell::Int(None), Cell::Text(Some("c".into()))];
        assert_eq!(sum(&[a.clone(), b.clone()]), sum(&[b.clone(), a.clone()]));
        assert_ne!(sum(std::slice::from_ref(&a)), sum(&[a.clone(), a.clone()]));
        let moved = vec![Cell::Text(Some("a".into())), Cell::Text(Some("b".into()))];
        let joined = vec![
            Cell::Text(Some("ab".into())),
            Cell::Text(Some(String::new())),
        ];
        assert_ne!(sum(&[moved]), sum(&[joined]));
        let null = vec![Cell::Text(None)];
        let empty = vec![Cell::Text(Some(String::new()))];
        assert_ne!(sum(&[null]), sum(&[empty]));
    }
}
