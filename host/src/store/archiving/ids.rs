//! Which account id each entry of a unit has.
//!
//! What brings something to keep gives its account an id; what only touches what is there does not.

use super::sql::ArchiveSql;
use crate::atproto::Did;
use crate::entry::{Action, Entry, Partition};
use crate::store::error::StoreError;

/// One id for each entry, in order; `None` when the account has none, or the entry is of no account.
pub(super) async fn of_entries<S: ArchiveSql>(
    sql: &mut S,
    entries: &[(Partition, Entry)],
) -> Result<Vec<Option<i64>>, StoreError> {
    let mut ids = vec![None; entries.len()];
    let (mut make, mut made_at): (Vec<Did>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut ask, mut asked_at): (Vec<Did>, Vec<usize>) = (Vec::new(), Vec::new());
    for (i, (_, entry)) in entries.iter().enumerate() {
        let Some(did) = entry.did() else { continue };
        if keeps_something(entry) {
            make.push(did.clone());
            made_at.push(i);
        } else {
            ask.push(did.clone());
            asked_at.push(i);
        }
    }
    for (i, id) in made_at.into_iter().zip(sql.dids(&make).await?) {
        ids[i] = Some(id);
    }
    for (i, id) in asked_at.into_iter().zip(sql.known_dids(&ask).await?) {
        ids[i] = id;
    }
    Ok(ids)
}

fn keeps_something(entry: &Entry) -> bool {
    match entry {
        Entry::Commit(commit) => !commit.ops.is_empty() || !commit.rejected.is_empty(),
        Entry::Records(records) => records
            .ops
            .iter()
            .any(|op| matches!(op.action, Action::Put { .. })),
        Entry::Desync(event) => event.follow,
        Entry::Account(_) | Entry::Identity(_) | Entry::Resynced(_) => true,
        Entry::Resyncing { .. } | Entry::Erase(_) | Entry::Mark { .. } | Entry::Backfill(_) => {
            false
        }
    }
}
