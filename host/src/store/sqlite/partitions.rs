//! How many partitions a database has: fixed when it is made.

use sqlx::SqliteConnection;

use crate::store::error::StoreError;

/// Makes the partitions of a new database, or holds the number against what is there.
pub(super) async fn settle(c: &mut SqliteConnection, wanted: u16) -> Result<(), StoreError> {
    let found: i64 = sqlx::query_scalar("select count(*) from partition")
        .fetch_one(&mut *c)
        .await?;
    if found == i64::from(wanted) {
        return Ok(());
    }
    if found > 0 {
        return Err(StoreError::Refused(format!(
            "this database was made with {found} partitions, the settings say {wanted}: \
             the number is fixed when a database is made"
        )));
    }
    sqlx::query(
        "insert into partition (part) with recursive p(n) as \
         (select 0 union all select n + 1 from p where n + 1 < ?) select n from p",
    )
    .bind(wanted)
    .execute(c)
    .await?;
    Ok(())
}
