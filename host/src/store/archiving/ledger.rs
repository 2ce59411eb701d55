//! The erase ledger: whose deletion was confirmed, and whether that still stands.

use std::collections::BTreeMap;

use crate::entry::Erase;

/// What a unit writes into the ledger.
#[derive(Default)]
pub(super) struct Ledger<'a>(BTreeMap<i64, LedgerRow<'a>>);

/// What becomes of an account in the ledger.
#[derive(Clone, Copy)]
pub(in crate::store) struct LedgerRow<'a> {
    pub(in crate::store) did_id: i64,
    /// A new row that takes the place of what is there, or none: the row stays.
    pub(in crate::store) event: Option<&'a Erase>,
    /// Whether it was lifted after that.
    pub(in crate::store) lifted: bool,
}

impl<'a> Ledger<'a> {
    /// Everything of the account goes.
    pub(super) fn erase(&mut self, did_id: i64, event: &'a Erase) {
        let row = LedgerRow {
            did_id,
            event: Some(event),
            lifted: false,
        };
        self.0.insert(did_id, row);
    }

    /// The account is active again.
    pub(super) fn lift(&mut self, did_id: i64) {
        let row = self.0.entry(did_id).or_insert(LedgerRow {
            did_id,
            event: None,
            lifted: true,
        });
        row.lifted = true;
    }

    /// By account.
    pub(super) fn into_rows(self) -> Vec<LedgerRow<'a>> {
        self.0.into_values().collect()
    }
}
