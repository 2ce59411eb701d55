//! Copying: page by page along a key, each page with its place in one transaction.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _, SqliteConnection};

use super::MoveProgress;
use super::rows::{self, Cell};
use super::tables::{Kind, Table};
use crate::limits;
use crate::store::error::StoreError;

/// What is moved, in the database's `meta`: the move that it belongs to.
const MOVE: &str = "moving_from";

/// Holds partitions against each other, and lets only the move that began go on.
pub(super) async fn claim(from: &mut SqliteConnection, to: &PgPool) -> Result<(), StoreError> {
    let theirs: i64 = sqlx::query_scalar("select count(*) from partition")
        .fetch_one(&mut *from)
        .await?;
    let ours: i64 = sqlx::query_scalar("select count(*) from partition")
        .fetch_one(to)
        .await?;
    if theirs != ours {
        return Err(StoreError::Refused(format!(
            "the file has {theirs} partitions, the database {ours}: set partitions = {theirs} for a new database"
        )));
    }
    let name = identity(from).await?;
    let begun: Option<String> = sqlx::query_scalar("select value from meta where key = $1")
        .bind(MOVE)
        .fetch_optional(to)
        .await?;
    match begun {
        Some(begun) if begun == name => return Ok(()),
        Some(_) => {
            return Err(StoreError::Refused(
                "the database holds what was moved from another file: name a new schema".into(),
            ));
        }
        None => {}
    }
    let dids: i64 = sqlx::query_scalar("select count(*) from did")
        .fetch_one(to)
        .await?;
    if dids > 0 {
        return Err(StoreError::Refused(
            "the database is not empty: a move needs a new schema".into(),
        ));
    }
    sqlx::query("insert into meta (key, value) values ($1, $2)")
        .bind(MOVE)
        .bind(name)
        .execute(to)
        .await?;
    Ok(())
}

/// What tells a file from another: its first accounts.
async fn identity(from: &mut SqliteConnection) -> Result<String, StoreError> {
    let first: Vec<String> = sqlx::query_scalar("select did from did order by id limit 8")
        .fetch_all(from)
        .await?;
    Ok(first.join(" "))
}

/// Copies the rows of one table that were not copied before.
pub(super) async fn table(
    from: &mut SqliteConnection,
    to: &PgPool,
    table: &'static Table,
    progress: &(dyn Fn(MoveProgress) + Send + Sync),
) -> Result<(), StoreError> {
    let of = rows::count(from, table).await?;
    let place = format!("moving_{}", table.name);
    let (mut after, mut done) = begun(to, &place).await?;
    loop {
        let page = page(from, table, after).await?;
        let is_last = table.key.is_none() || page.len() < limits::MOVE_PAGE_ROWS;
        let count = page.len() as u64;
        let last = last_key(table, &page);
        let mut tx = to.begin().await?;
        insert(&mut tx, table, page).await?;
        done += count;
        after = last.unwrap_or(after);
        sqlx::query(
            "insert into meta (key, value) values ($1, $2) \
             on conflict (key) do update set value = excluded.value",
        )
        .bind(&place)
        .bind(format!("{after} {done}"))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        progress(MoveProgress {
            table: table.name,
            is_check: false,
            rows: done.min(of),
            of,
        });
        if is_last {
            return Ok(());
        }
    }
}

/// The last key that was copied, and how many rows were.
async fn begun(to: &PgPool, place: &str) -> Result<(i64, u64), StoreError> {
    let text: Option<String> = sqlx::query_scalar("select value from meta where key = $1")
        .bind(place)
        .fetch_optional(to)
        .await?;
    let Some(text) = text else {
        return Ok((i64::MIN, 0));
    };
    let parsed = text
        .split_once(' ')
        .and_then(|(after, done)| Some((after.parse().ok()?, done.parse().ok()?)));
    parsed.ok_or_else(|| {
        StoreError::Corrupt(format!("{place}: expected a key and a count, got {text:?}"))
    })
}

async fn page(
    from: &mut SqliteConnection,
    table: &Table,
    after: i64,
) -> Result<Vec<Vec<Cell>>, StoreError> {
    let (columns, name, only) = (table.selected(false), table.name, table.only);
    let sql = match table.key {
        Some(key) => format!(
            "select {columns} from {name} where {key} > ? and {only} order by {key} limit {}",
            limits::MOVE_PAGE_ROWS
        ),
        None => format!("select {columns} from {name} where {only} and ? is not null"),
    };
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(after)
        .fetch_all(from)
        .await?;
    let rows: Result<_, sqlx::Error> = found.iter().map(|row| rows::of_file(row, table)).collect();
    Ok(rows?)
}

fn last_key(table: &Table, page: &[Vec<Cell>]) -> Option<i64> {
    let at = table
        .columns
        .iter()
        .position(|(c, _)| Some(*c) == table.key)?;
    match page.last()?.get(at)? {
        Cell::Int(key) => *key,
        Cell::Text(_) | Cell::Bytes(_) => None,
    }
}

async fn insert(
    c: &mut PgConnection,
    table: &Table,
    page: Vec<Vec<Cell>>,
) -> Result<(), StoreError> {
    if page.is_empty() {
        return Ok(());
    }
    let arrays: Vec<String> = table
        .columns
        .iter()
        .zip(1..)
        .map(|((_, kind), n)| {
            let ty = match kind {
                Kind::Int => "bigint",
                Kind::Text => "text",
                Kind::Bytes => "bytea",
                Kind::Bool => "boolean",
            };
            format!("${n}::{ty}[]")
        })
        .collect();
    // Quoted: "fetch" is a word of Postgres.
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    let set: Vec<String> = names
        .iter()
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    // Partitions are there already; a page that was copied before is copied again without harm.
    let sql = format!(
        "insert into {} ({}) select * from unnest({}) on conflict ({}) do update set {}",
        table.name,
        names.join(", "),
        arrays.join(", "),
        table.unique,
        set.join(", "),
    );
    rows::bind(sqlx::query(AssertSqlSafe(sql)), table, page)
        .execute(c)
        .await?;
    Ok(())
}

/// Numbers that the database gives go on after those that were copied.
pub(super) async fn sequences(to: &PgPool) -> Result<(), StoreError> {
    for name in ["did", "collection", "record", "dead_letter"] {
        let sql = format!(
            "select setval(pg_get_serial_sequence('{name}', 'id'), greatest((select max(id) from {name}), 1))"
        );
        sqlx::query(AssertSqlSafe(sql))
            .fetch_one(to)
            .await?
            .try_get::<i64, _>(0)?;
    }
    Ok(())
}
