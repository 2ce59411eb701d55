//! Tables whose key several records of one account can claim: two likes of one post, say.
//!
//! All claims are stored. The winner of a key is the claim of the newest rev, then of the greater record path; it is
//! found anew for every key that a unit touches, so it does not depend on the order in which claims came.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::cell::Cell;
use super::write::{NewRow, insert};
use super::{WriteError, grouped};
use crate::store::sqlite::bulk;
use crate::store::sqlite::counts::Deltas;
use crate::store::sqlite::schema::RowTable;

/// Old claims of the touched records out, new ones in, winners of all touched keys found anew.
pub(super) async fn replace(
    db: &mut SqliteConnection,
    table: &RowTable,
    touched: &[i64],
    rows: &[NewRow<'_>],
    deltas: &mut Deltas<'_>,
) -> Result<(), WriteError> {
    let keys = touched_keys(db, table, touched, rows).await?;
    if keys.is_empty() {
        return Ok(());
    }
    if !deltas.is_empty() {
        for row in of_keys(db, table, &keys, deltas, " where t._w = 1").await? {
            deltas.add_read(&row, CLAIM_COLUMNS, -1)?;
        }
    }
    let sql = format!(
        "delete from {} where _u in (select value from json_each(?1))",
        table.name
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(bulk::id_list(touched))
        .execute(&mut *db)
        .await?;
    insert(db, table, rows).await?;

    let found = of_keys(db, table, &keys, deltas, "").await?;
    let winners = winners(db, &found).await?;
    let (mut lost, mut won) = (Vec::new(), Vec::new());
    for (at, row) in found.iter().enumerate() {
        let wins = winners.contains(&at);
        if wins {
            deltas.add_read(row, CLAIM_COLUMNS, 1)?;
        }
        let claim = (row.get::<i64, _>(1), row.get::<i64, _>(2));
        match (row.get::<i64, _>(4) == 1, wins) {
            (true, false) => lost.push(claim),
            (false, true) => won.push(claim),
            _ => {}
        }
    }
    mark(db, table, &lost, 0).await?;
    mark(db, table, &won, 1).await
}

/// Every key that a touched record claimed or claims, as JSON arrays.
async fn touched_keys(
    db: &mut SqliteConnection,
    table: &RowTable,
    touched: &[i64],
    rows: &[NewRow<'_>],
) -> Result<HashSet<String>, WriteError> {
    let names: Vec<&str> = table.key.iter().map(|k| k.name.as_str()).collect();
    let sql = format!(
        "select {} from {} where _u in (select value from json_each(?1))",
        names.join(", "),
        table.name
    );
    let old = sqlx::query(AssertSqlSafe(sql))
        .bind(bulk::id_list(touched))
        .fetch_all(db)
        .await?;
    let mut keys = HashSet::with_capacity(rows.len() + old.len());
    for row in &old {
        let cells = (0..names.len())
            .map(|at| Cell::read(row, at))
            .collect::<Result<Vec<_>, _>>()?;
        keys.insert(json_key(cells.iter()));
    }
    for row in rows {
        let owner = Cell::Integer(row.change.did_id);
        let cells = table
            .key
            .iter()
            .map(|k| k.at.and_then(|at| row.cells.get(at)).unwrap_or(&owner));
        keys.insert(json_key(cells));
    }
    Ok(keys)
}

fn json_key<'c>(cells: impl Iterator<Item = &'c Cell>) -> String {
    serde_json::Value::from_iter(cells.map(Cell::json)).to_string()
}

/// Columns before those of counts in [`of_keys`]: index of the key, `_u`, `_n`, `_rev`, `_w`.
const CLAIM_COLUMNS: usize = 5;

/// All claims of these keys.
async fn of_keys(
    db: &mut SqliteConnection,
    table: &RowTable,
    keys: &HashSet<String>,
    deltas: &Deltas<'_>,
    filter: &str,
) -> Result<Vec<SqliteRow>, WriteError> {
    let counted: String = deltas
        .columns()
        .iter()
        .map(|c| format!(", t.{}", c.name))
        .collect();
    // `is` and not `=`: a nullable column of a key may be null.
    let on: Vec<String> = table
        .key
        .iter()
        .enumerate()
        .map(|(at, k)| format!("t.{} is json_extract(j.value, '$[{at}]')", k.name))
        .collect();
    let sql = format!(
        "select j.key, t._u, t._n, t._rev, t._w{counted} from json_each(?1) j cross join {} t on {}{filter}",
        table.name,
        on.join(" and ")
    );
    let list = keys
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(",");
    Ok(sqlx::query(AssertSqlSafe(sql))
        .bind(format!("[{list}]"))
        .fetch_all(db)
        .await?)
}

/// Which of the claims win, as indexes.
async fn winners(
    db: &mut SqliteConnection,
    claims: &[SqliteRow],
) -> Result<HashSet<usize>, WriteError> {
    let groups = grouped(
        claims
            .iter()
            .enumerate()
            .map(|(at, row)| (row.get::<i64, _>(0), at)),
    );
    let contested: Vec<i64> = groups
        .values()
        .filter(|group| group.len() > 1)
        .flatten()
        .map(|at| claims[*at].get(1))
        .collect();
    let paths = paths(db, &contested).await?;
    Ok(groups
        .into_values()
        .filter_map(|group| {
            group.into_iter().max_by_key(|at| {
                let (record, n): (i64, i64) = (claims[*at].get(1), claims[*at].get(2));
                let rev: &str = claims[*at].get(3);
                (rev.to_owned(), paths.get(&record).cloned(), -n)
            })
        })
        .collect())
}

/// `collection/rkey` of records.
async fn paths(
    db: &mut SqliteConnection,
    records: &[i64],
) -> Result<HashMap<i64, String>, WriteError> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = "select r.id, c.nsid || '/' || r.rkey from record r join collection c on c.id = r.coll_id \
         where r.id in (select value from json_each(?1))";
    Ok(sqlx::query(sql)
        .bind(bulk::id_list(records))
        .fetch_all(db)
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect())
}

async fn mark(
    db: &mut SqliteConnection,
    table: &RowTable,
    claims: &[(i64, i64)],
    wins: i64,
) -> Result<(), WriteError> {
    for chunk in bulk::chunks(claims) {
        let sql = format!(
            "update {} set _w = ? where (_u, _n) in (values {})",
            table.name,
            bulk::values(2, chunk.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(wins);
        for (record, n) in chunk {
            query = query.bind(*record).bind(*n);
        }
        query.execute(&mut *db).await?;
    }
    Ok(())
}
