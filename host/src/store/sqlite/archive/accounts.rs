//! Hosting status and claimed handles, as upstream told them; a change of visibility queues the account for `redo`.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use crate::entry::{AccountEvent, Entry, Erase, IdentityEvent, Partition, Source};

/// The status of an account that its owner deleted.
const DELETED: &str = "deleted";

/// Where the last event of one kind came from; the next of the same source must be later.
type Origin = Option<(String, i64)>;

struct Account {
    was_active: bool,
    active: bool,
    status: Option<String>,
    status_origin: Origin,
    handle: Option<String>,
    handle_origin: Origin,
    changed: bool,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            was_active: true,
            active: true,
            status: None,
            status_origin: None,
            handle: None,
            handle_origin: None,
            changed: false,
        }
    }
}

/// The accounts that a unit has events of, by id.
pub(super) struct Accounts {
    by_did: BTreeMap<i64, Account>,
}

impl Accounts {
    pub(super) async fn load<'a>(
        c: &mut SqliteConnection,
        entries: impl Iterator<Item = (&'a (Partition, Entry), Option<i64>)>,
    ) -> Result<Self, sqlx::Error> {
        let mut by_did: BTreeMap<i64, Account> = entries
            .filter(|((_, entry), _)| {
                matches!(
                    entry,
                    Entry::Account(_) | Entry::Identity(_) | Entry::Erase(_)
                )
            })
            .filter_map(|(_, did_id)| Some((did_id?, Account::default())))
            .collect();
        if by_did.is_empty() {
            return Ok(Self { by_did });
        }
        let sql = "select did_id, active, status, status_source, status_seq, handle, \
                   handle_source, handle_seq from account \
                   where did_id in (select value from json_each(?))";
        let ids: Vec<i64> = by_did.keys().copied().collect();
        for row in sqlx::query(sql)
            .bind(bulk::id_list(&ids))
            .fetch_all(c)
            .await?
        {
            by_did.insert(row.try_get(0)?, read(&row)?);
        }
        Ok(Self { by_did })
    }

    /// Takes an `#account` event unless a later one of its source is here already; says whether it did.
    pub(super) fn hosting_status(&mut self, did_id: i64, event: &AccountEvent) -> bool {
        let account = self.by_did.entry(did_id).or_default();
        let taken = is_later(&account.status_origin, &event.source, event.seq);
        if taken {
            account.status_origin = Some((event.source.0.to_string(), event.seq));
            account.active = event.active;
            account.status.clone_from(&event.status);
            account.changed = true;
        }
        taken
    }

    /// Whether the account is deleted and the event that an erasure was confirmed for is the last word of its source.
    pub(super) fn is_deleted(&self, did_id: i64, event: &Erase) -> bool {
        self.by_did.get(&did_id).is_some_and(|account| {
            !account.active
                && account.status.as_deref() == Some(DELETED)
                && account
                    .status_origin
                    .as_ref()
                    .is_none_or(|(source, seq)| **source != *event.source.0 || *seq <= event.seq)
        })
    }

    /// Takes an `#identity` event unless a later one of its source is here already. Of an erased account no handle
    /// is kept.
    pub(super) fn identity(&mut self, did_id: i64, event: &IdentityEvent, erased: bool) {
        let account = self.by_did.entry(did_id).or_default();
        if is_later(&account.handle_origin, &event.source, event.seq) {
            account.handle_origin = Some((event.source.0.to_string(), event.seq));
            account.handle = event.handle.clone().filter(|_| !erased);
            account.changed = true;
        }
    }

    /// Writes what changed; says whether an account's visibility did.
    pub(super) async fn save(self, c: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let changed: Vec<(i64, Account)> =
            self.by_did.into_iter().filter(|(_, a)| a.changed).collect();
        for range in bulk::chunks(changed.len()) {
            write(c, &changed[range]).await?;
        }
        let turned = |active: bool| {
            let ids = changed
                .iter()
                .filter(|(_, a)| a.was_active != a.active && a.active == active);
            ids.map(|(did_id, _)| *did_id).collect::<Vec<i64>>()
        };
        let (shown, hidden) = (turned(true), turned(false));
        if shown.is_empty() && hidden.is_empty() {
            return Ok(false);
        }
        sqlx::query("delete from hidden where did_id in (select value from json_each(?))")
            .bind(bulk::id_list(&shown))
            .execute(&mut *c)
            .await?;
        sqlx::query("insert or ignore into hidden (did_id) select value from json_each(?)")
            .bind(bulk::id_list(&hidden))
            .execute(&mut *c)
            .await?;
        // An account that turns again while its redo runs starts over.
        sqlx::query("insert or replace into redo (did_id) select value from json_each(?)")
            .bind(bulk::id_list(&[shown, hidden].concat()))
            .execute(&mut *c)
            .await?;
        Ok(true)
    }
}

/// Numbers of different sources cannot be compared: another source's event is taken.
fn is_later(origin: &Origin, source: &Source, seq: i64) -> bool {
    match origin {
        Some((last_source, last_seq)) if **last_source == *source.0 => seq > *last_seq,
        _ => true,
    }
}

fn read(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    let origin = |source: usize, seq: usize| -> Result<Origin, sqlx::Error> {
        let source: Option<String> = row.try_get(source)?;
        let seq: Option<i64> = row.try_get(seq)?;
        Ok(source.zip(seq))
    };
    let active = row.try_get::<i64, _>(1)? != 0;
    Ok(Account {
        was_active: active,
        active,
        status: row.try_get(2)?,
        status_origin: origin(3, 4)?,
        handle: row.try_get(5)?,
        handle_origin: origin(6, 7)?,
        changed: false,
    })
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
