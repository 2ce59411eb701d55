//! Dead letters of generations: at most one for each record, replaced by the record's next state.

use std::borrow::Cow;

use super::resolve::{Outcome, Resolved};
use crate::store::rows::{DeadReason, cut_detail};

/// A dead letter to be.
pub(in crate::store) struct Letter<'a> {
    pub(in crate::store) record_id: i64,
    pub(in crate::store) pos: i64,
    pub(in crate::store) reason: DeadReason,
    pub(in crate::store) detail: &'a str,
}

/// The letters among what became of changes.
pub(super) fn of<'r>(changes: &'r [Resolved<'_>]) -> Vec<Letter<'r>> {
    changes
        .iter()
        .filter_map(|resolved| match &resolved.outcome {
            Outcome::Dead(reason, detail) => Some(Letter {
                record_id: resolved.change.record_id,
                pos: resolved.change.pos,
                reason: *reason,
                detail,
            }),
            Outcome::Rows(_) | Outcome::Nothing => None,
        })
        .collect()
}

/// A guest's words as they are stored: mostly as they are.
pub(super) fn clean(detail: &str) -> Cow<'_, str> {
    if detail.contains('\0') {
        Cow::Owned(cut_detail(detail.to_owned()))
    } else {
        Cow::Borrowed(detail)
    }
}
