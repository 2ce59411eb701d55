//! Operations that wait for their proof, and what their accounts sent after them.
//!
//! Guarantees: the order of each account's entries stays; other accounts pass; a bounded number of proofs at once and
//! a bounded amount held. A proof has a deadline, and when it proved nothing, what waits behind it is not proven either:
//! so nothing is held for longer than one deadline after the last proof that was one.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};

use super::proof::{Prover, Verdict};
use crate::atproto::Did;
use crate::entry::{Entry, Records};
use crate::limits;

/// An entry on its way, with the time of its event (us since 1970).
pub(super) struct Step {
    pub(super) seq: i64,
    pub(super) what: What,
}

/// What is to be done with an entry.
pub(super) enum What {
    /// It is handed on as it is.
    Pass(Entry),
    /// It is handed on as its proof says.
    Prove(Records),
}

impl What {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Pass(entry) => entry.size_bytes(),
            Self::Prove(records) => Entry::Records(records.clone()).size_bytes(),
        }
    }
}

/// A proof that has ended.
pub(super) struct Checked {
    pub(super) records: Records,
    pub(super) seq: i64,
    pub(super) verdict: Verdict,
}

/// The proofs that run.
#[derive(Default)]
pub(super) struct Checks {
    running: JoinSet<Checked>,
    accounts: HashMap<Did, Account>,
    held: usize,
    held_bytes: usize,
    /// A wait for room was in vain, and nothing was proven since: nobody waits again.
    is_tired: bool,
}

struct Account {
    /// Of the operation that is being proven.
    seq: i64,
    behind: VecDeque<Step>,
}

impl Checks {
    /// Whether what this account sends has to wait.
    pub(super) fn holds(&self, did: &Did) -> bool {
        self.accounts.contains_key(did)
    }

    /// Whether no more can be held: a proof has to end first.
    pub(super) fn is_full(&self) -> bool {
        self.held >= limits::JETSTREAM_HELD_MAX
            || self.held_bytes >= limits::JETSTREAM_HELD_BYTES_MAX
    }

    /// Whether a proof can be begun now.
    pub(super) fn has_room(&self) -> bool {
        self.running.len() < limits::JETSTREAM_PROOFS_AT_ONCE_MAX
    }

    /// How long to wait for room.
    pub(super) fn patience(&self) -> Duration {
        match self.is_tired {
            true => Duration::ZERO,
            false => Duration::from_millis(limits::JETSTREAM_PROOF_WAIT_MS),
        }
    }

    /// A wait for room was in vain.
    pub(super) fn tire(&mut self) {
        self.is_tired = true;
    }

    /// Begins a proof.
    pub(super) fn begin(&mut self, prover: &Prover, records: Records, seq: i64) {
        let account = self
            .accounts
            .entry(records.did.clone())
            .or_insert_with(|| Account {
                seq,
                behind: VecDeque::new(),
            });
        account.seq = seq;
        let prover = prover.clone();
        self.running.spawn(async move {
            let verdict = prover.judge(&records).await;
            Checked {
                records,
                seq,
                verdict,
            }
        });
    }

    /// Puts a step behind the proof that its account waits for; gives it back when it waits for none.
    pub(super) fn hold(&mut self, did: &Did, step: Step) -> Option<Step> {
        let Some(account) = self.accounts.get_mut(did) else {
            return Some(step);
        };
        self.held += 1;
        self.held_bytes += step.what.size_bytes();
        account.behind.push_back(step);
        None
    }

    /// The next proof that ends; never, while none runs.
    pub(super) async fn ended(&mut self) -> Result<Checked, JoinError> {
        match self.running.join_next().await {
            Some(ended) => {
                if let Ok(checked) = &ended {
                    self.is_tired &= matches!(checked.verdict, Verdict::Unproven(_));
                }
                ended
            }
            None => std::future::pending().await,
        }
    }

    /// The next step of an account whose proof has ended; none lets the account go.
    pub(super) fn next(&mut self, did: &Did) -> Option<Step> {
        let next = self.accounts.get_mut(did)?.behind.pop_front();
        match &next {
            Some(step) => {
                self.held -= 1;
                self.held_bytes -= step.what.size_bytes();
            }
            None => drop(self.accounts.remove(did)),
        }
        next
    }

    /// The earliest event that is not handed on (us since 1970).
    pub(super) fn earliest_us(&self) -> Option<i64> {
        let accounts = self.accounts.values();
        let seqs = accounts.flat_map(|a| a.behind.iter().map(|s| s.seq).chain([a.seq]));
        seqs.min()
    }
}
