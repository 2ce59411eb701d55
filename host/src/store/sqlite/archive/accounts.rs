//! Hosting status, claimed handles and holes in streams.
//!
//! `#account` and `#identity` carry no rev: of one source only a higher seq counts; another source is believed.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use crate::atproto::Did;
use crate::entry::{AccountEvent, Desync, Entry, IdentityEvent, Partition};
use crate::store::{ArchiveUnit, StoreError};

/// Applies every entry that is not a commit or a mark. Says whether an account's visibility changed.
pub(super) async fn apply(
    db: &mut SqliteConnection,
    unit: &ArchiveUnit,
    did_ids: &HashMap<Did, i64>,
) -> Result<bool, StoreError> {
    let mut redo = false;
    for (partition, entry) in unit.entries.iter() {
        match entry {
            Entry::Account(event) => redo |= account(db, event, did_ids[&event.did]).await?,
            Entry::Identity(event) => identity(db, event, did_ids[&event.did]).await?,
            Entry::Desync(event) => {
                desync(db, *partition, event, did_ids[&event.did], unit.now_us).await?;
            }
            Entry::Commit(_) | Entry::Mark { .. } => {}
        }
    }
    Ok(redo)
}

async fn account(
    db: &mut SqliteConnection,
    event: &AccountEvent,
    did_id: i64,
) -> Result<bool, StoreError> {
    let sql = "insert into account (did_id, active, status, status_source, status_seq) values (?1, ?2, ?3, ?4, ?5) \
         on conflict (did_id) do update set active = excluded.active, status = excluded.status, \
         status_source = excluded.status_source, status_seq = excluded.status_seq \
         where account.status_source is not excluded.status_source or account.status_seq < excluded.status_seq";
    let applied = sqlx::query(sql)
        .bind(did_id)
        .bind(event.active)
        .bind(event.status.as_deref())
        .bind(&*event.source.0)
        .bind(event.seq)
        .execute(&mut *db)
        .await?
        .rows_affected();
    if applied == 0 {
        return Ok(false);
    }
    let sql = if event.active {
        "delete from hidden where did_id = ?1"
    } else {
        "insert into hidden (did_id) values (?1) on conflict do nothing"
    };
    let changed = sqlx::query(sql)
        .bind(did_id)
        .execute(&mut *db)
        .await?
        .rows_affected()
        > 0;
    if changed {
        // From the first record again, also when an earlier change is still being worked off.
        sqlx::query("insert into redo (did_id, after_id) values (?1, 0) on conflict (did_id) do update set after_id = 0")
            .bind(did_id)
            .execute(db)
            .await?;
    }
    Ok(changed)
}

async fn identity(
    db: &mut SqliteConnection,
    event: &IdentityEvent,
    did_id: i64,
) -> Result<(), StoreError> {
    let Some(handle) = &event.handle else {
        return Ok(());
    };
    let sql = "insert into account (did_id, handle, handle_source, handle_seq) values (?1, ?2, ?3, ?4) \
         on conflict (did_id) do update set handle = excluded.handle, \
         handle_source = excluded.handle_source, handle_seq = excluded.handle_seq \
         where account.handle_source is not excluded.handle_source or account.handle_seq is null or account.handle_seq < excluded.handle_seq";
    sqlx::query(sql)
        .bind(did_id)
        .bind(handle)
        .bind(&*event.source.0)
        .bind(event.seq)
        .execute(db)
        .await?;
    Ok(())
}

/// Marks a repository that has a state, unless the archive has what was missing: by rev, or, where not even that could
/// be read, because this place of the stream was passed before.
async fn desync(
    db: &mut SqliteConnection,
    partition: Partition,
    event: &Desync,
    did_id: i64,
    now_us: i64,
) -> Result<(), StoreError> {
    let sql = "update repo set state = 1, reason = ?2, state_us = ?3 where did_id = ?1 and (?4 is null or rev < ?4) \
         and not exists (select 1 from mark m where m.source = ?5 and m.part = ?6 and m.seq >= ?7)";
    sqlx::query(sql)
        .bind(did_id)
        .bind(&event.reason)
        .bind(now_us)
        .bind(event.rev.map(|rev| rev.as_str().to_owned()))
        .bind(&*event.source.0)
        .bind(i64::from(partition))
        .bind(event.seq)
        .execute(db)
        .await?;
    Ok(())
}
