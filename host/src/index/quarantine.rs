//! When a plugin has failed too often to go on with.
//!
//! One bad record is a dead letter; a plugin that traps or runs out of time on everything is broken, and turning
//! its whole feed into dead letters would only hide that.

use crate::store::{DeadReason, Effect};

/// Changes in a row that the guest failed on. At this many the consumer stops before it applies them.
pub(super) const FAILED_IN_A_ROW_MAX: u32 = 32;

/// Counts failures in a row over a consumer's life.
#[derive(Debug, Default)]
pub(super) struct FailureRun {
    in_a_row: u32,
}

impl FailureRun {
    /// Takes a batch's effects in order; true when the plugin has to stop.
    pub(super) fn sees(
        &mut self,
        effects: impl Iterator<Item = impl std::borrow::Borrow<Effect>>,
    ) -> bool {
        for effect in effects {
            let failed = matches!(
                effect.borrow(),
                Effect::Dead {
                    reason: DeadReason::Trap | DeadReason::Timeout | DeadReason::Limit,
                    ..
                }
            );
            self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
            if self.in_a_row >= FAILED_IN_A_ROW_MAX {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(reason: DeadReason) -> Effect {
        Effect::Dead {
            reason,
            detail: String::new(),
        }
    }

    #[test]
    fn only_failures_of_the_guest_in_a_row_stop_it() {
        let mut run = FailureRun::default();
        let almost: Vec<Effect> = (1..FAILED_IN_A_ROW_MAX)
            .map(|_| dead(DeadReason::Trap))
            .collect();
        assert!(!run.sees(almost.iter()));
        assert!(!run.sees([Effect::Nothing].iter()));
        assert!(!run.sees(almost.iter()));
        assert!(!run.sees([dead(DeadReason::Rejected)].iter()));
        assert!(!run.sees(almost.iter()));
        assert!(run.sees([dead(DeadReason::Timeout)].iter()));
    }
}
