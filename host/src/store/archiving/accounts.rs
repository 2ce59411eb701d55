//! Hosting status and claimed handles, as upstream told them; a change of visibility queues the account for `redo`.

use std::collections::BTreeMap;

use super::sql::ArchiveSql;
use crate::entry::{AccountEvent, Entry, Erase, IdentityEvent, Partition, Source};
use crate::store::error::StoreError;
use crate::store::rows::without_nul;

/// The status of an account that its owner deleted.
const DELETED: &str = "deleted";

/// Where the last event of one kind came from; the next of the same source must be later.
pub(in crate::store) type Origin = Option<(String, i64)>;

/// What upstream told of an account.
pub(in crate::store) struct Account {
    was_active: bool,
    pub(in crate::store) active: bool,
    pub(in crate::store) status: Option<String>,
    pub(in crate::store) status_origin: Origin,
    pub(in crate::store) handle: Option<String>,
    pub(in crate::store) handle_origin: Origin,
    changed: bool,
}

/// What a unit leaves of the accounts that it has events of.
pub(in crate::store) struct AccountWrites {
    /// By id.
    pub(in crate::store) changed: Vec<(i64, Account)>,
    /// Those that are visible now and were not.
    pub(in crate::store) shown: Vec<i64>,
    /// Those that were visible.
    pub(in crate::store) hidden: Vec<i64>,
}

impl AccountWrites {
    /// Whether the visibility of an account turned.
    pub(super) fn turns_any(&self) -> bool {
        !self.shown.is_empty() || !self.hidden.is_empty()
    }

    /// Those whose visibility turned: an account that turns again while its redo runs starts over.
    pub(in crate::store) fn turned(&self) -> Vec<i64> {
        let mut turned = [self.shown.as_slice(), &self.hidden].concat();
        turned.sort_unstable();
        turned
    }
}

impl Account {
    /// As a backend holds it.
    pub(in crate::store) fn held(
        active: bool,
        (status, status_origin): (Option<String>, Origin),
        (handle, handle_origin): (Option<String>, Origin),
    ) -> Self {
        Self {
            was_active: active,
            active,
            status,
            status_origin,
            handle,
            handle_origin,
            changed: false,
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::held(true, (None, None), (None, None))
    }
}

/// The accounts that a unit has events of, by id.
pub(super) struct Accounts {
    by_did: BTreeMap<i64, Account>,
}

impl Accounts {
    pub(super) async fn load<'a, S: ArchiveSql>(
        sql: &mut S,
        entries: impl Iterator<Item = (&'a (Partition, Entry), Option<i64>)>,
    ) -> Result<Self, StoreError> {
        let mut by_did: BTreeMap<i64, Account> = entries
            .filter(|((_, entry), _)| {
                matches!(
                    entry,
                    Entry::Account(_) | Entry::Identity(_) | Entry::Erase(_)
                )
            })
            .filter_map(|(_, did_id)| Some((did_id?, Account::default())))
            .collect();
        if !by_did.is_empty() {
            let ids: Vec<i64> = by_did.keys().copied().collect();
            by_did.extend(sql.accounts(&ids).await?);
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
            account.status = event.status.clone().map(without_nul);
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
            let handle = event.handle.clone().filter(|_| !erased);
            account.handle = handle.map(without_nul);
            account.changed = true;
        }
    }

    /// What changed.
    pub(super) fn into_writes(self) -> AccountWrites {
        let changed: Vec<(i64, Account)> =
            self.by_did.into_iter().filter(|(_, a)| a.changed).collect();
        let turned = |active: bool| {
            let ids = changed
                .iter()
                .filter(|(_, a)| a.was_active != a.active && a.active == active);
            ids.map(|(did_id, _)| *did_id).collect::<Vec<i64>>()
        };
        let (shown, hidden) = (turned(true), turned(false));
        AccountWrites {
            changed,
            shown,
            hidden,
        }
    }
}

/// Numbers of different sources cannot be compared: another source's event is taken.
fn is_later(origin: &Origin, source: &Source, seq: i64) -> bool {
    match origin {
        Some((last_source, last_seq)) if **last_source == *source.0 => seq > *last_seq,
        _ => true,
    }
}
