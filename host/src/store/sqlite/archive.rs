//! The host consumer's transaction: entries become records, repo state, accounts, dead letters, marks and pos.
//!
//! It reads what it needs in a few statements, decides in memory, and writes in a few statements. Replaying entries
//! that were applied before changes nothing.

mod accounts;
mod chains;
mod held;
mod ids;
mod ledger;
mod letters;
mod records;

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use self::accounts::Accounts;
pub(super) use self::chains::ChainState;
use self::chains::{Chains, Step};
use self::held::Slots;
use self::ledger::Ledger;
use self::letters::Letters;
use self::records::Accepted;
use super::backfill;
use super::memory::Memory;
use super::standing::Standing;
use crate::entry::{BackfillMark, Entry, Partition, Source};
use crate::store::archive::{ArchiveUnit, Archived};
use crate::store::error::StoreError;
use crate::store::feed::Pos;
use crate::store::rows::Advance;

/// What a unit's entries come to, decided in their order.
struct Verdicts<'a> {
    chains: Chains<'a>,
    accounts: Accounts,
    accepted: Vec<Accepted<'a>>,
    ledger: Ledger<'a>,
    letters: Letters,
    backfills: Vec<&'a BackfillMark>,
    sources: Vec<&'a Source>,
    archived: Archived,
}

/// Applies a unit inside the caller's transaction.
pub(super) async fn apply(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    unit: &ArchiveUnit,
) -> Result<Archived, StoreError> {
    let dids = ids::of_entries(c, &mut memory.intern, &unit.entries).await?;
    let entries = || unit.entries.iter().zip(dids.iter().copied());
    let known = dids.iter().flatten().copied();
    let mut verdicts = Verdicts {
        chains: Chains::load(c, &mut memory.chains, known).await?,
        accounts: Accounts::load(c, entries()).await?,
        accepted: Vec::new(),
        ledger: Ledger::default(),
        letters: Letters::default(),
        backfills: Vec::new(),
        sources: Vec::new(),
        archived: Archived::default(),
    };
    let standing = memory.standing(c).await?;
    for ((partition, entry), did_id) in entries() {
        verdicts.entry(standing, *partition, did_id, entry);
    }
    let Verdicts {
        chains,
        accounts,
        mut accepted,
        ledger,
        mut letters,
        backfills,
        sources,
        mut archived,
    } = verdicts;

    let mut slots = Slots::load(c, &mut memory.intern, &accepted).await?;
    let standing = memory.standing(c).await?;
    let mut steps: BTreeMap<Partition, Pos> = BTreeMap::new();
    for (at, entry) in accepted.iter_mut().enumerate() {
        let before = standing.pos(entry.partition);
        let changed = slots.apply(at, entry);
        if changed > 0 || entry.is_commit {
            entry.pos = standing.take(entry.partition)?;
            steps.entry(entry.partition).or_insert(before);
        }
        archived.commits += u64::from(entry.is_commit);
        archived.ops += if entry.is_commit {
            entry.ops.len() as u64
        } else {
            changed
        };
        letters.rejected(entry);
    }
    standing.save(c).await?;
    archived.heads = steps
        .into_iter()
        .map(|(partition, from)| Advance {
            partition,
            from,
            to: standing.pos(partition),
        })
        .collect();
    archived.cursors = sources
        .into_iter()
        .filter_map(|s| Some((s.clone(), standing.lowest(s)?)))
        .collect();

    let writes = slots.into_writes();
    archived.changes =
        records::write(c, &mut memory.intern, &accepted, writes, unit.now_us).await?;
    chains.save(c, &mut memory.chains, unit.now_us).await?;
    archived.redo = accounts.save(c).await?;
    archived.erase = ledger.save(c, unit.now_us).await?;
    archived.dead = letters.save(c, unit.now_us).await?;
    backfill::save(c, &backfills, unit.now_us).await?;
    Ok(archived)
}

impl<'a> Verdicts<'a> {
    fn entry(
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
