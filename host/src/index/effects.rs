//! From a guest's outcomes to effects that a store can apply. Blocking: runs guests.

use std::sync::Arc;

use crate::plugins::{GuestOutcome, Plugin, check_rows};
use crate::store::{Change, ChangeState, DeadReason, Effect};

/// Every change with its effect, in the same order. A deleted record owns nothing; the guest never hears of it.
pub(super) fn of_changes(plugin: &Plugin, changes: Vec<Arc<Change>>) -> Vec<(Arc<Change>, Effect)> {
    let live: Vec<Arc<Change>> = changes
        .iter()
        .filter(|c| matches!(c.state, ChangeState::Live { .. }))
        .cloned()
        .collect();
    let mut outcomes = if live.is_empty() {
        Vec::new().into_iter()
    } else {
        plugin.index(&live).into_iter()
    };
    changes
        .into_iter()
        .map(|change| {
            let effect = match change.state {
                ChangeState::Deleted => Effect::Nothing,
                ChangeState::Live { .. } => outcomes
                    .next()
                    .map_or_else(no_outcome, |outcome| of_outcome(plugin, outcome)),
            };
            (change, effect)
        })
        .collect()
}

fn of_outcome(plugin: &Plugin, outcome: GuestOutcome) -> Effect {
    match outcome {
        GuestOutcome::Skip => Effect::Nothing,
        GuestOutcome::Reject(detail) => dead(DeadReason::Rejected, &detail),
        GuestOutcome::Dead { reason, detail } => dead(reason, &detail),
        GuestOutcome::Apply(puts) => match check_rows::rows(plugin.manifest(), puts) {
            Ok(rows) if rows.is_empty() => Effect::Nothing,
            Ok(rows) => Effect::Rows(rows),
            Err(detail) => dead(DeadReason::BadRows, &detail),
        },
    }
}

/// `Plugin::index` promises one outcome for each change; were it broken, the change must not be lost.
fn no_outcome() -> Effect {
    dead(
        DeadReason::Trap,
        "the guest gave no outcome for this change",
    )
}

fn dead(reason: DeadReason, detail: &str) -> Effect {
    const DETAIL_CHARS_MAX: usize = 1_024;
    Effect::Dead {
        reason,
        // The guest's own words end up in a database and on a terminal.
        detail: detail
            .chars()
            .filter(|c| !c.is_control() || *c == '\n')
            .take(DETAIL_CHARS_MAX)
            .collect(),
    }
}
