//! Hosting status and claimed handles in Postgres.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use crate::store::archiving::accounts::{Account, AccountWrites, Origin};

/// Those that are there.
pub(super) async fn load(
    c: &mut PgConnection,
    dids: &[i64],
) -> Result<Vec<(i64, Account)>, sqlx::Error> {
    let rows = sqlx::query(
        "select did_id, active, status, status_source, status_seq, handle, \
         handle_source, handle_seq from account where did_id = any($1)",
    )
    .bind(dids)
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, read(row)?)))
        .collect()
}

fn read(row: &PgRow) -> Result<Account, sqlx::Error> {
    let origin = |source: usize, seq: usize| -> Result<Origin, sqlx::Error> {
        let source: Option<String> = row.try_get(source)?;
        let seq: Option<i64> = row.try_get(seq)?;
        Ok(source.zip(seq))
    };
    let status = (row.try_get(2)?, origin(3, 4)?);
    let handle = (row.try_get(5)?, origin(6, 7)?);
    Ok(Account::held(row.try_get(1)?, status, handle))
}

/// Writes what changed, and who is hidden and queued for a redo by it.
pub(super) async fn save(c: &mut PgConnection, writes: &AccountWrites) -> Result<(), sqlx::Error> {
    write(c, &writes.changed).await?;
    let turned = writes.turned();
    if turned.is_empty() {
        return Ok(());
    }
    for (sql, ids) in [
        ("delete from hidden where did_id = any($1)", &writes.shown),
        (
            "insert into hidden (did_id) select unnest($1::bigint[]) on conflict do nothing",
            &writes.hidden,
        ),
        (
            "insert into redo (did_id) select unnest($1::bigint[]) \
             on conflict (did_id) do update set after_coll = 0, after_rkey = ''",
            &turned,
        ),
    ] {
        sqlx::query(sql).bind(ids).execute(&mut *c).await?;
    }
    Ok(())
}

async fn write(c: &mut PgConnection, rows: &[(i64, Account)]) -> Result<(), sqlx::Error> {
    fn of<'r, T>(rows: &'r [(i64, Account)], take: impl Fn(&'r Account) -> T) -> Vec<T> {
        rows.iter().map(|(_, account)| take(account)).collect()
    }
    fn source(origin: &Origin) -> Option<&str> {
        origin.as_ref().map(|(source, _)| source.as_str())
    }
    fn seq(origin: &Origin) -> Option<i64> {
        origin.as_ref().map(|(_, seq)| *seq)
    }
    let ids: Vec<i64> = rows.iter().map(|(did_id, _)| *did_id).collect();
    sqlx::query(
        "insert into account (did_id, active, status, status_source, status_seq, handle, \
         handle_source, handle_seq) \
         select * from unnest($1::bigint[], $2::boolean[], $3::text[], $4::text[], $5::bigint[], \
         $6::text[], $7::text[], $8::bigint[]) \
         on conflict (did_id) do update set active = excluded.active, status = excluded.status, \
         status_source = excluded.status_source, status_seq = excluded.status_seq, \
         handle = excluded.handle, handle_source = excluded.handle_source, \
         handle_seq = excluded.handle_seq",
    )
    .bind(ids)
    .bind(of(rows, |a| a.active))
    .bind(of(rows, |a| a.status.as_deref()))
    .bind(of(rows, |a| source(&a.status_origin)))
    .bind(of(rows, |a| seq(&a.status_origin)))
    .bind(of(rows, |a| a.handle.as_deref()))
    .bind(of(rows, |a| source(&a.handle_origin)))
    .bind(of(rows, |a| seq(&a.handle_origin)))
    .execute(c)
    .await?;
    Ok(())
}
