//! The host consumer's transaction, the same for every backend: entries become records, repo state, accounts, dead
//! letters, marks and pos.
//!
//! Guarantees: what it needs is read in a few statements, decided here in memory, and written in a few statements;
//! replaying entries that were applied before changes nothing. Knows no SQL: a backend's statements are behind
//! [`ArchiveSql`] and [`step_sql::StepSql`].

pub(in crate::store) mod accounts;
mod backfills;
pub(in crate::store) mod chains;
pub(in crate::store) mod erase;
mod ids;
pub(in crate::store) mod ledger;
pub(in crate::store) mod letters;
pub(in crate::store) mod records;
pub(in crate::store) mod redo;
pub(in crate::store) mod slots;
pub(in crate::store) mod sql;
pub(in crate::store) mod standing;
pub(in crate::store) mod step_sql;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::accounts::Accounts;
use self::chains::Chains;
use self::letters::Letters;
use self::records::Accepted;
use self::slots::Slots;
use self::sql::ArchiveSql;
use self::standing::Standing;
use self::verdicts::Verdicts;
use super::archive::{ArchiveUnit, Archived};
use super::error::StoreError;
use super::feed::{Change, Pos};
use super::rows::Advance;
use crate::atproto::RecordKey;
use crate::entry::{Partition, Source};

/// A record's address in ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) struct RecordAt {
    pub(in crate::store) did_id: i64,
    pub(in crate::store) collection_id: i64,
    pub(in crate::store) rkey: RecordKey,
}

/// The partitions that a unit's entries are of.
pub(in crate::store) fn partitions(unit: &ArchiveUnit) -> BTreeSet<Partition> {
    unit.entries
        .iter()
        .map(|(partition, _)| *partition)
        .collect()
}

/// Applies a unit inside the caller's transaction.
pub(in crate::store) async fn apply<S: ArchiveSql>(
    sql: &mut S,
    unit: &ArchiveUnit,
) -> Result<Archived, StoreError> {
    let mut standing = sql.standing().await?;
    let dids = ids::of_entries(sql, &unit.entries).await?;
    let entries = || unit.entries.iter().zip(dids.iter().copied());
    let known: BTreeSet<i64> = dids.iter().flatten().copied().collect();
    let mut verdicts = Verdicts::new(
        Chains::load(sql, known).await?,
        Accounts::load(sql, entries()).await?,
    );
    for ((partition, entry), did_id) in entries() {
        verdicts.entry(&mut standing, *partition, did_id, entry);
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

    let mut slots = Slots::load(sql, &accepted).await?;
    archived.heads = place(
        &mut accepted,
        &mut slots,
        &mut standing,
        &mut letters,
        &mut archived,
    )?;
    archived.cursors = cursors(&standing, sources);
    sql.save_standing(standing).await?;
    archived.changes = write(sql, &accepted, slots, unit.now_us).await?;
    sql.save_chains(&chains, unit.now_us).await?;
    let turned = accounts.into_writes();
    archived.redo = turned.turns_any();
    if !turned.changed.is_empty() {
        sql.save_accounts(&turned).await?;
    }
    let ledger = ledger.into_rows();
    archived.erase = ledger.iter().any(|row| row.event.is_some());
    if !ledger.is_empty() {
        sql.save_ledger(&ledger, unit.now_us).await?;
    }
    archived.dead = letters.save(sql, unit.now_us).await?;
    let backfills = backfills::last_of_each(&backfills);
    if !backfills.is_empty() {
        sql.save_backfills(&backfills, unit.now_us).await?;
    }
    Ok(archived)
}

/// Judges the accepted entries record by record and gives those that count a place in the feed; says how the
/// partitions moved.
fn place(
    accepted: &mut [Accepted<'_>],
    slots: &mut Slots,
    standing: &mut Standing,
    letters: &mut Letters,
    archived: &mut Archived,
) -> Result<Vec<Advance>, StoreError> {
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
    let advance = |(partition, from)| Advance {
        partition,
        from,
        to: standing.pos(partition),
    };
    Ok(steps.into_iter().map(advance).collect())
}

fn cursors(standing: &Standing, sources: Vec<&Source>) -> Vec<(Source, i64)> {
    let cursor = |s: &Source| Some((s.clone(), standing.lowest(s)?));
    sources.into_iter().filter_map(cursor).collect()
}

/// Writes what the accepted entries leave of each record, and says it as changes in pos order.
async fn write<S: ArchiveSql>(
    sql: &mut S,
    accepted: &[Accepted<'_>],
    slots: Slots,
    now_us: i64,
) -> Result<Vec<Arc<Change>>, StoreError> {
    let states = records::states(accepted, slots.into_writes(), now_us);
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let ids = sql.write_records(&states).await?;
    let changes = states.iter().zip(ids);
    Ok(changes
        .map(|(state, id)| Arc::new(state.change(id)))
        .collect())
}
