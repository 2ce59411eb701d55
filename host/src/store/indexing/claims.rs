//! Which claim wins a key that several records of one account may claim: the newest rev, then the larger URI.
//!
//! All claims are stored; each touched key is decided anew over all of them, so the winner does not depend on the
//! order in which they came.

use std::collections::{HashMap, HashSet};

use super::cell::Cell;
use super::replace::{New, Old};
use super::shape::TableShape;
use super::sql::IndexSql;
use crate::store::feed::ChangeState;

/// A key's values.
pub(in crate::store) type Key<'k> = Vec<&'k Cell<'k>>;

/// A stored claim that meets others.
pub(in crate::store) struct Rival {
    pub(in crate::store) record_id: i64,
    pub(in crate::store) n: i64,
    pub(in crate::store) wins: bool,
    pub(in crate::store) rank: Rank,
    pub(in crate::store) kept: Vec<Cell<'static>>,
}

/// What decides: rev, then the URI's text, which differs only after the authority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Rank {
    rev: String,
    path: String,
}

impl Rank {
    pub(in crate::store) fn new(rev: String, collection: &str, rkey: &str) -> Self {
        Self {
            rev,
            path: format!("{collection}/{rkey}"),
        }
    }

    fn of(new: &New<'_>) -> Self {
        let rev = match &new.change.state {
            ChangeState::Live { rev, .. } => rev.as_str(),
            ChangeState::Deleted => "",
        };
        let (collection, rkey) = (new.change.collection.as_str(), new.change.rkey.as_str());
        Self::new(rev.to_owned(), collection, rkey)
    }
}

/// Decides all keys that `old` and `new` touch. Sets `wins` of what comes, turns stored claims over, and says which
/// (what is kept of them, 1 for a new winner and -1 for a new loser).
pub(super) async fn settle<S: IndexSql>(
    sql: &mut S,
    (ordinal, table): (usize, &TableShape),
    old: &[Old],
    new: &mut [New<'_>],
) -> Result<Vec<(Vec<Cell<'static>>, i64)>, sqlx::Error> {
    let stored = {
        let touched = touched(table, old, new);
        if touched.is_empty() {
            return Ok(Vec::new());
        }
        sql.rivals(ordinal, &touched).await?
    };
    let turned = decide(table, &stored, new);
    if !turned.is_empty() {
        sql.turn(ordinal, &turned).await?;
    }
    Ok(turned
        .iter()
        .map(|rival| (rival.kept.clone(), if rival.wins { -1 } else { 1 }))
        .collect())
}

fn touched<'k>(table: &TableShape, old: &'k [Old], new: &'k [New<'_>]) -> Vec<Key<'k>> {
    let touched: HashSet<Key<'k>> = old
        .iter()
        .map(|o| key_of(table, &o.kept))
        .chain(new.iter().map(|n| key_of(table, &n.kept)))
        .collect();
    touched.into_iter().collect()
}

fn key_of<'k>(table: &TableShape, kept: &'k [Cell<'k>]) -> Key<'k> {
    table.key.iter().filter_map(|at| kept.get(*at)).collect()
}

/// Sets the winners among what comes and returns the stored claims that have to turn over.
fn decide<'s>(table: &TableShape, stored: &'s [Rival], new: &mut [New<'_>]) -> Vec<&'s Rival> {
    let ranks: Vec<Rank> = new.iter().map(Rank::of).collect();
    let mut best: HashMap<Key<'_>, &Rank> = HashMap::with_capacity(new.len());
    let claims = stored
        .iter()
        .map(|r| (key_of(table, &r.kept), &r.rank))
        .chain(
            new.iter()
                .zip(&ranks)
                .map(|(n, rank)| (key_of(table, &n.kept), rank)),
        );
    for (key, rank) in claims {
        let first = best.entry(key).or_insert(rank);
        *first = (*first).max(rank);
    }
    let wins = |kept: &[Cell<'_>], rank: &Rank| best.get(&key_of(table, kept)) == Some(&rank);
    let verdicts: Vec<bool> = new
        .iter()
        .zip(&ranks)
        .map(|(n, rank)| wins(&n.kept, rank))
        .collect();
    let turned = stored
        .iter()
        .filter(|r| wins(&r.kept, &r.rank) != r.wins)
        .collect();
    for (row, verdict) in new.iter_mut().zip(verdicts) {
        row.wins = verdict;
    }
    turned
}
