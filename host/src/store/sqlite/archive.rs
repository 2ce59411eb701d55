//! The host consumer's transaction: entries become records, repo state, accounts, dead letters, marks and pos.
//!
//! It reads what it needs in a few statements, decides in memory, and writes in a few statements. Replaying entries
//! that were applied before changes nothing.

mod accounts;
mod chains;
mod records;

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use self::accounts::Accounts;
use self::chains::{Chains, Step};
use super::memory::Memory;
use super::{bulk, dead};
use crate::atproto::Did;
use crate::entry::{Commit, Entry, Partition, Source};
use crate::store::archive::{ArchiveUnit, Archived};
use crate::store::error::StoreError;
use crate::store::feed::Pos;
use crate::store::rows::{Advance, DeadReason};

/// A commit that is new, with its place in the feed.
struct Accepted<'a> {
    partition: Partition,
    pos: Pos,
    did_id: i64,
    commit: &'a Commit,
}

/// Applies a unit inside the caller's transaction.
pub(super) async fn apply(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    unit: &ArchiveUnit,
) -> Result<Archived, StoreError> {
    let dids = did_ids(c, memory, unit).await?;
    let entries = || unit.entries.iter().zip(&dids);
    let mut chains = Chains::load(c, &mut memory.revs, entries()).await?;
    let mut accounts = Accounts::load(c, entries()).await?;

    let mut archived = Archived::default();
    let mut accepted = Vec::new();
    let mut steps: BTreeMap<Partition, Pos> = BTreeMap::new();
    let mut sources: Vec<&Source> = Vec::new();
    let standing = memory.standing(c).await?;
    for ((partition, entry), did_id) in entries() {
        match (entry, *did_id) {
            (Entry::Mark { source, seq }, _) => {
                standing.mark(source, *partition, *seq);
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
            (Entry::Commit(commit), Some(did_id)) => {
                match chains.step(did_id, *partition, commit) {
                    Step::Replayed => archived.replayed += 1,
                    Step::Quiet => {}
                    Step::New => {
                        let before = standing.pos(*partition);
                        let pos = standing.take(*partition)?;
                        steps.entry(*partition).or_insert(before);
                        accepted.push(Accepted {
                            partition: *partition,
                            pos,
                            did_id,
                            commit,
                        });
                    }
                }
            }
            (Entry::Account(event), Some(did_id)) => accounts.hosting_status(did_id, event),
            (Entry::Identity(event), Some(did_id)) => accounts.identity(did_id, event),
            (Entry::Desync(event), Some(did_id)) => {
                let passed = standing.marked(&event.source, *partition);
                chains.desync(did_id, event, passed);
            }
            // An account that nothing is known of has no state to touch.
            (_, None) => {}
        }
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

    archived.commits = accepted.len() as u64;
    archived.ops = accepted.iter().map(|a| a.commit.ops.len() as u64).sum();
    archived.changes = records::write(c, &mut memory.intern, &accepted, unit.now_us).await?;
    chains.save(c, &mut memory.revs, unit.now_us).await?;
    archived.redo = accounts.save(c).await?;
    archived.dead = bury_rejected(c, &accepted, unit.now_us).await?;
    Ok(archived)
}

/// Each entry's account id. Events that only touch what is there give no id to an account that has none.
async fn did_ids(
    c: &mut SqliteConnection,
    memory: &mut Memory,
    unit: &ArchiveUnit,
) -> Result<Vec<Option<i64>>, StoreError> {
    let mut ids = vec![None; unit.entries.len()];
    let (mut make, mut made_at): (Vec<Did>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut ask, mut asked_at): (Vec<Did>, Vec<usize>) = (Vec::new(), Vec::new());
    for (i, (_, entry)) in unit.entries.iter().enumerate() {
        match entry {
            Entry::Commit(commit) if commit.ops.is_empty() && commit.rejected.is_empty() => {
                ask.push(commit.did.clone());
                asked_at.push(i);
            }
            Entry::Desync(event) => {
                ask.push(event.did.clone());
                asked_at.push(i);
            }
            Entry::Commit(_) | Entry::Account(_) | Entry::Identity(_) => {
                make.extend(entry.did().cloned());
                made_at.push(i);
            }
            Entry::Mark { .. } => {}
        }
    }
    for (i, id) in made_at.into_iter().zip(memory.intern.dids(c, &make).await?) {
        ids[i] = Some(id);
    }
    for (i, id) in asked_at
        .into_iter()
        .zip(memory.intern.known_dids(c, &ask).await?)
    {
        ids[i] = id;
    }
    Ok(ids)
}

/// Operations that could not be read become the host's dead letters.
async fn bury_rejected(
    c: &mut SqliteConnection,
    accepted: &[Accepted<'_>],
    now_us: i64,
) -> Result<u64, StoreError> {
    let letters: Vec<(String, Pos, String)> = accepted
        .iter()
        .flat_map(|a| a.commit.rejected.iter().map(move |r| (a, r)))
        .map(|(a, r)| {
            let subject = format!("at://{}/{}", a.commit.did, r.path);
            (subject, a.pos, dead::cut(r.reason.clone()))
        })
        .collect();
    for range in bulk::chunks(letters.len()) {
        let sql = bulk::values(
            "insert into dead_letter (generation, subject, pos, reason, detail, at_us) values ",
            "(0,?,?,?,?,?)",
            range.len(),
            "",
        );
        let mut query = sqlx::query(sql);
        for (subject, pos, detail) in &letters[range] {
            query = query
                .bind(subject.as_str())
                .bind(*pos)
                .bind(DeadReason::BadOp.word())
                .bind(detail.as_str())
                .bind(now_us);
        }
        query.execute(&mut *c).await?;
    }
    Ok(letters.len() as u64)
}
