//! Hosting status and claimed handles in the file.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use crate::store::archiving::accounts::{Account, AccountWrites, Origin};

/// Those that are there.
pub(super) async fn load(
    c: &mut SqliteConnection,
    dids: &[i64],
) -> Result<Vec<(i64, Account)>, sqlx::Error> {
    let sql = "select did_id, active, status, status_source, status_seq, handle, \
               handle_source, handle_seq from account \
               where did_id in (select value from json_each(?))";
    let rows = sqlx::query(sql)
        .bind(bulk::id_list(dids))
        .fetch_all(c)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, read(row)?)))
        .collect()
}

/// Writes what changed, and who is hidden and queued for a redo by it.
pub(super) async fn save(
    c: &mut SqliteConnection,
    writes: &AccountWrites,
) -> Result<(), sqlx::Error> {
    for range in bulk::chunks(writes.changed.len()) {
        write(c, &writes.changed[range]).await?;
    }
    let turned = writes.turned();
    if turned.is_empty() {
        return Ok(());
    }
    for (sql, ids) in [
        (
            "delete from hidden where did_id in (select value from json_each(?))",
            &writes.shown,
        ),
        (
            "insert or ignore into hidden (did_id) select value from json_each(?)",
            &writes.hidden,
        ),
        (
            "insert or replace into redo (did_id) select value from json_each(?)",
            &turned,
        ),
    ] {
        sqlx::query(sql)
            .bind(bulk::id_list(ids))
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    let origin = |source: usize, seq: usize| -> Result<Origin, sqlx::Error> {
        let source: Option<String> = row.try_get(source)?;
        let seq: Option<i64> = row.try_get(seq)?;
        Ok(source.zip(seq))
    };
    let active = row.try_get::<i64, _>(1)? != 0;
    let status = (row.try_get(2)?, origin(3, 4)?);
    let handle = (row.try_get(5)?, origin(6, 7)?);
    Ok(Account::held(active, status, handle))
}

async fn write(c: &mut SqliteConnection, rows: &[(i64, Account)]) -> Result<(), sqlx::Error> {
    let sql = bulk::values(
        "insert or replace into account (did_id, active, status, status_source, status_seq, \
         handle, handle_source, handle_seq) values ",
        "(?,?,?,?,?,?,?,?)",
        rows.len(),
        "",
    );
    let mut query = sqlx::query(sql);
    for (did_id, account) in rows {
        let source = |o: &Origin| o.as_ref().map(|(source, _)| source.clone());
        let seq = |o: &Origin| o.as_ref().map(|(_, seq)| *seq);
        query = query
            .bind(*did_id)
            .bind(account.active)
            .bind(account.status.as_deref())
            .bind(source(&account.status_origin))
            .bind(seq(&account.status_origin))
            .bind(account.handle.as_deref())
            .bind(source(&account.handle_origin))
            .bind(seq(&account.handle_origin));
    }
    query.execute(c).await?;
    Ok(())
}
