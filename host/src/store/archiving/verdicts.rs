//! What a unit's entries come to, decided in their order.

use super::accounts::Accounts;
use super::chains::{Chains, Step};
use super::ledger::Ledger;
use super::letters::Letters;
use super::records::Accepted;
use super::standing::Standing;
use crate::entry::{BackfillMark, Entry, Partition, Source};
use crate::store::archive::Archived;

/// Everything that is decided before records are looked at.
pub(super) struct Verdicts<'a> {
    pub(super) chains: Chains<'a>,
    pub(super) accounts: Accounts,
    pub(super) accepted: Vec<Accepted<'a>>,
    pub(super) ledger: Ledger<'a>,
    pub(super) letters: Letters,
    pub(super) backfills: Vec<&'a BackfillMark>,
    pub(super) sources: Vec<&'a Source>,
    pub(super) archived: Archived,
}

impl<'a> Verdicts<'a> {
    pub(super) fn new(chains: Chains<'a>, accounts: Accounts) -> Self {
        Self {
            chains,
            accounts,
            accepted: Vec::new(),
            ledger: Ledger::default(),
            letters: Letters::default(),
            backfills: Vec::new(),
            sources: Vec::new(),
            archived: Archived::default(),
        }
    }

    /// Takes the next entry.
    pub(super) fn entry(
        &mut self,
        standing: &mut Standing,
        partition: Partition,
        did_id: Option<i64>,
        entry: &'a Entry,
    ) {
        match (entry, did_id) {
            (Entry::Mark { source, seq }, _) => {
                standing.mark(source, partition, *seq);
                if !self.sources.contains(&source) {
                    self.sources.push(source);
                }
            }
            (Entry::Backfill(mark), _) => self.backfills.push(mark),
            (Entry::Desync(event), did_id) => {
                let mark = standing.marked(&event.source, partition);
                let passed = mark.is_some_and(|mark| event.seq <= mark);
                let state = did_id.filter(|id| event.follow || self.chains.is_followed(*id));
                match state {
                    Some(id) if self.chains.is_erased(id) => self.archived.erased += 1,
                    Some(id) => self.chains.desync(id, partition, event, passed),
                    None if !passed => self.letters.lost(event),
                    None => {}
                }
            }
            (Entry::Account(event), Some(id)) => {
                let taken = self.accounts.hosting_status(id, event);
                if taken && event.active && self.chains.lift(id, partition) {
                    self.ledger.lift(id);
                }
            }
            (Entry::Identity(event), Some(id)) => {
                let erased = self.chains.is_erased(id);
                self.accounts.identity(id, event, erased);
            }
            (Entry::Erase(event), Some(id)) => {
                if self.accounts.is_deleted(id, event) && self.chains.erase(id, partition) {
                    self.ledger.erase(id, event);
                }
            }
            (_, Some(id)) if self.chains.is_erased(id) => self.archived.erased += 1,
            (Entry::Commit(commit), Some(id)) => {
                let is_first = !self.chains.is_followed(id);
                match self.chains.step(id, partition, commit) {
                    Step::Replayed => self.archived.replayed += 1,
                    Step::Quiet => {}
                    Step::New => {
                        if is_first {
                            self.letters.mended(commit);
                        }
                        let awaits = self.chains.awaits_snapshot(id);
                        self.accepted
                            .push(Accepted::commit(partition, id, commit, awaits));
                    }
                }
            }
            (Entry::Records(records), Some(id)) => {
                self.accepted
                    .push(Accepted::records(partition, id, records));
            }
            (Entry::Resynced(event), Some(id)) => self.chains.resynced(id, partition, event),
            (Entry::Resyncing { .. }, Some(id)) => self.chains.resyncing(id, partition),
            // An account that nothing is known of has no state to touch.
            (_, None) => {}
        }
    }
}
