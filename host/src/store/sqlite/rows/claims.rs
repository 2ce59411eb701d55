//! Which claim wins a key that several records of one account may claim: the newest rev, then the larger URI.
//!
//! All claims are stored; each touched key is decided anew over all of them, so the winner does not depend on the
//! order in which they came.

use std::collections::{HashMap, HashSet};

use sqlx::{Row as _, SqliteConnection};

use super::super::schema::{ClaimTexts, TableTexts};
use super::cell::Cell;
use super::replace::{New, Old, read_kept};
use crate::store::feed::ChangeState;

type Key<'k> = Vec<&'k Cell<'k>>;

/// A stored claim that meets others.
struct Rival {
    record_id: i64,
    n: i64,
    wins: bool,
    rank: Rank,
    kept: Vec<Cell<'static>>,
}

/// What decides: rev, then the URI's text, which differs only after the authority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    rev: String,
    path: String,
}

/// Decides all keys that `old` and `new` touch. Sets `wins` of what comes, turns stored claims over, and says which
/// (what is kept of them, 1 for a new winner and -1 for a new loser).
pub(super) async fn settle(
    c: &mut SqliteConnection,
    table: &TableTexts,
    texts: &ClaimTexts,
    old: &[Old],
    new: &mut [New<'_>],
) -> Result<Vec<(Vec<Cell<'static>>, i64)>, sqlx::Error> {
    let stored = rivals(c, table, texts, old, new).await?;
    let turned = decide(table, &stored, new);
    for chunk in texts.turn.chunks(turned.len()) {
        let mut query = sqlx::query(texts.turn.text(&chunk));
        for rival in &turned[chunk] {
            query = query.bind(rival.record_id).bind(rival.n);
        }
        query.execute(&mut *c).await?;
    }
    Ok(turned
        .iter()
        .map(|rival| (rival.kept.clone(), if rival.wins { -1 } else { 1 }))
        .collect())
}

fn key_of<'k>(table: &TableTexts, kept: &'k [Cell<'k>]) -> Key<'k> {
    table.key.iter().filter_map(|at| kept.get(*at)).collect()
}

/// The stored claims on the touched keys.
async fn rivals(
    c: &mut SqliteConnection,
    table: &TableTexts,
    texts: &ClaimTexts,
    old: &[Old],
    new: &[New<'_>],
) -> Result<Vec<Rival>, sqlx::Error> {
    let touched: HashSet<Key<'_>> = old
        .iter()
        .map(|o| key_of(table, &o.kept))
        .chain(new.iter().map(|n| key_of(table, &n.kept)))
        .collect();
    let touched: Vec<Key<'_>> = touched.into_iter().collect();
    let mut found = Vec::new();
    for chunk in texts.rivals.chunks(touched.len()) {
        let mut query = sqlx::query(texts.rivals.text(&chunk));
        for cell in touched[chunk].iter().flatten() {
            query = cell.bind(query);
        }
        for row in query.fetch_all(&mut *c).await? {
            let collection: &str = row.try_get_unchecked(4)?;
            let rkey: &str = row.try_get_unchecked(5)?;
            found.push(Rival {
                record_id: row.try_get_unchecked(0)?,
                n: row.try_get_unchecked(1)?,
                wins: row.try_get_unchecked::<i64, _>(2)? == 1,
                rank: Rank {
                    rev: row.try_get_unchecked(3)?,
                    path: format!("{collection}/{rkey}"),
                },
                kept: read_kept(table, &row, 6)?,
            });
        }
    }
    Ok(found)
}

/// Sets the winners among what comes and returns the stored claims that have to turn over.
fn decide<'s>(table: &TableTexts, stored: &'s [Rival], new: &mut [New<'_>]) -> Vec<&'s Rival> {
    let ranks: Vec<Rank> = new.iter().map(rank_of).collect();
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

fn rank_of(new: &New<'_>) -> Rank {
    let rev = match &new.change.state {
        ChangeState::Live { rev, .. } => rev.as_str(),
        ChangeState::Deleted => "",
    };
    Rank {
        rev: rev.to_owned(),
        path: format!("{}/{}", new.change.collection, new.change.rkey),
    }
}
