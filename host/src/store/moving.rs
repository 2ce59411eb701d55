//! Moving up: everything that a SQLite store holds, into a Postgres store.
//!
//! Guarantees: rows keep their ids and partitions their pos, so that what follows sees no difference; each page is
//! copied in one transaction with how far it came, so that an interrupted move goes on where it was; at the end every
//! table is read again on both sides and counts and checksums are compared. The file is only read.
//!
//! Does not copy the tables of plugins: they follow from the archive, and the next start builds them again.

mod copy;
mod rows;
mod tables;

use std::path::Path;

use sqlx::{PgPool, SqliteConnection};

pub use self::rows::Checksum;
use self::tables::{TABLES, Table};
use super::error::StoreError;
use super::sqlite::open_looking;

/// How far a move is, told after each page.
#[derive(Clone, Copy, Debug)]
pub struct MoveProgress {
    /// The table that is being copied or compared.
    pub table: &'static str,
    /// Whether it is being compared.
    pub is_check: bool,
    /// Its rows so far, those of an earlier run included.
    pub rows: u64,
    /// Its rows in the file.
    pub of: u64,
}

/// One table after a move.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Its name.
    pub table: &'static str,
    /// What the file holds.
    pub from: Checksum,
    /// What the database holds.
    pub to: Checksum,
}

impl Moved {
    /// Whether both sides hold the same rows.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.from == self.to
    }
}

/// Copies what is missing and compares everything. Nobody else may have the file open, nor write the database.
///
/// # Errors
/// When a side does not answer, or the database holds rows that did not come from this file.
pub(super) async fn run(
    file: &Path,
    to: &PgPool,
    progress: &(dyn Fn(MoveProgress) + Send + Sync),
) -> Result<Vec<Moved>, StoreError> {
    let mut from = open_looking(file).await?;
    copy::claim(&mut from, to).await?;
    for table in TABLES {
        copy::table(&mut from, to, table, progress).await?;
    }
    copy::sequences(to).await?;
    let mut moved = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        moved.push(compared(&mut from, to, table, progress).await?);
    }
    Ok(moved)
}

async fn compared(
    from: &mut SqliteConnection,
    to: &PgPool,
    table: &'static Table,
    progress: &(dyn Fn(MoveProgress) + Send + Sync),
) -> Result<Moved, StoreError> {
    let of = rows::count(from, table).await?;
    let mut told = |rows| {
        progress(MoveProgress {
            table: table.name,
            is_check: true,
            rows,
            of,
        });
    };
    Ok(Moved {
        table: table.name,
        from: rows::checksum_of_file(from, table, &mut told).await?,
        to: rows::checksum_of_database(to, table).await?,
    })
}
