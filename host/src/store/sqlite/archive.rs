//! The host consumer's transaction: entries become records, repo state, accounts, marks and pos, together.
//!
//! Guarantees: a commit at or below its repository's rev changes nothing (replay protection by content); pos is
//! dense; of several operations on one record the last stands. Reads what it needs in a few statements, decides in
//! memory, writes in a few statements.

mod accounts;
mod plan;
mod write;

use std::collections::HashMap;
use std::num::NonZeroUsize;

use lru::LruCache;
use sqlx::{Row, SqliteConnection};

use super::intern::Interner;
use crate::atproto::{Did, Tid};
use crate::entry::Entry;
use crate::limits;
use crate::store::{ArchiveUnit, Archived, Pos, StoreError};

pub(super) use write::heads as write_heads;

/// What the writer remembers between units. All of it can be read again from the tables.
pub(super) struct ArchiveState {
    /// Last pos of each partition.
    pub(super) heads: Vec<Pos>,
    /// Rev of repositories met lately; `None`: no row.
    revs: LruCache<i64, Option<Tid>>,
}

impl ArchiveState {
    /// Reads where the partitions stand.
    pub(super) async fn load(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        let heads = sqlx::query("select pos from partition order by part")
            .fetch_all(db)
            .await?;
        let entries = NonZeroUsize::new(limits::INTERN_CACHE_ENTRIES).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            heads: heads.iter().map(|row| row.get(0)).collect(),
            revs: LruCache::new(entries),
        })
    }
}

/// Applies one unit inside the writer's savepoint. After an error the caller rolls back and loads the state anew.
pub(super) async fn apply(
    db: &mut SqliteConnection,
    intern: &mut Interner,
    state: &mut ArchiveState,
    unit: &ArchiveUnit,
) -> Result<Archived, StoreError> {
    let dids: Vec<Did> = unit
        .entries
        .iter()
        .filter_map(|(_, e)| e.did().cloned())
        .collect();
    let ids = intern.dids(db, &dids).await?;
    let did_ids: HashMap<Did, i64> = dids.into_iter().zip(ids).collect();
    load_revs(db, state, unit, &did_ids).await?;

    let plan = plan::of_commits(state, unit, &did_ids);
    let mut archived = Archived {
        commits: plan.commits,
        replayed: plan.replayed,
        ops: plan.ops,
        dead: plan.rejected.len() as u64,
        ..Archived::default()
    };
    archived.changes = write::records(db, intern, &plan, unit.now_us).await?;
    write::repos(db, &plan, unit.now_us).await?;
    write::rejected(db, &plan, unit.now_us).await?;
    write::heads(db, &plan.heads).await?;
    archived.redo = accounts::apply(db, unit, &did_ids).await?;
    archived.cursors = write::marks(db, unit).await?;
    archived.heads = plan.heads;
    Ok(archived)
}

/// Puts the rev of every repository that a commit of this unit is about into `state.revs`.
async fn load_revs(
    db: &mut SqliteConnection,
    state: &mut ArchiveState,
    unit: &ArchiveUnit,
    did_ids: &HashMap<Did, i64>,
) -> Result<(), StoreError> {
    let commits = unit.entries.iter().filter_map(|(_, entry)| match entry {
        Entry::Commit(commit) => Some(did_ids[&commit.did]),
        _ => None,
    });
    let mut missing: Vec<i64> = commits.filter(|id| state.revs.get(id).is_none()).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    // A unit holds fewer accounts than the cache, so none of these is evicted before it is used.
    for id in &missing {
        state.revs.put(*id, None);
    }
    let sql = "select did_id, rev from repo where did_id in (select value from json_each(?1))";
    for row in sqlx::query(sql)
        .bind(super::bulk::id_list(&missing))
        .fetch_all(db)
        .await?
    {
        let rev = Tid::parse(row.get(1))
            .map_err(|e| StoreError::Corrupt(format!("repo row {}: {e}", row.get::<i64, _>(0))))?;
        state.revs.put(row.get(0), Some(rev));
    }
    Ok(())
}
