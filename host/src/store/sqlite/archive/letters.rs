//! The host's own dead letters: operations that were wanted and could not be used.

use std::collections::HashSet;

use sqlx::SqliteConnection;

use super::super::{bulk, dead};
use super::records::Accepted;
use crate::atproto::Did;
use crate::entry::{Commit, Desync, RejectedOp};
use crate::store::feed::Pos;
use crate::store::rows::DeadReason;

struct Letter {
    subject: String,
    pos: Pos,
    detail: String,
}

impl Letter {
    fn new(did: &Did, op: &RejectedOp, pos: Pos) -> Self {
        Self {
            subject: format!("at://{did}/{}", op.path),
            pos,
            detail: dead::cut(op.reason.clone()),
        }
    }
}

/// The letters of a unit.
#[derive(Default)]
pub(super) struct Letters {
    rejected: Vec<Letter>,
    lost: Vec<Letter>,
    /// Addresses whose records came after all.
    mended: Vec<String>,
}

impl Letters {
    /// What could not be read of a commit that is new, or of a snapshot, which may say it again.
    pub(super) fn rejected(&mut self, entry: &Accepted<'_>) {
        let letters = entry.rejected.iter();
        let letters = letters.map(|op| Letter::new(entry.did, op, entry.pos));
        if entry.is_commit {
            self.rejected.extend(letters);
        } else {
            self.lost.extend(letters);
        }
    }

    /// The first commit of a repository that is taken: what an unsound form of it was said to lose is not lost.
    pub(super) fn mended(&mut self, commit: &Commit) {
        let ops = commit.ops.iter();
        self.mended
            .extend(ops.map(|op| format!("at://{}/{}/{}", commit.did, op.collection, op.rkey)));
    }

    /// What is lost with a hole that no resync fills. It has no place in the feed: pos 0.
    pub(super) fn lost(&mut self, event: &Desync) {
        let letters = event.lost.iter();
        self.lost
            .extend(letters.map(|op| Letter::new(&event.did, op, 0)));
    }

    /// Writes them at `now_us` and says how many were new. A commit's are new because the commit is; of a hole's,
    /// which may be replayed, and of a snapshot, those are not that say the same of the same subject.
    pub(super) async fn save(
        self,
        c: &mut SqliteConnection,
        now_us: i64,
    ) -> Result<u64, sqlx::Error> {
        let mut seen = HashSet::new();
        let lost: Vec<&Letter> = self
            .lost
            .iter()
            .filter(|l| seen.insert((&l.subject, &l.detail)))
            .collect();
        let rejected: Vec<&Letter> = self.rejected.iter().collect();
        let mut all = write(c, &rejected, "", now_us).await?;
        all += write(c, &lost, NOT_THERE, now_us).await?;
        if !self.mended.is_empty() {
            let subjects = serde_json::Value::from(self.mended).to_string();
            sqlx::query(
                "delete from dead_letter where generation = 0 and pos = 0 \
                 and subject in (select value from json_each(?))",
            )
            .bind(subjects)
            .execute(c)
            .await?;
        }
        Ok(all)
    }
}

const NOT_THERE: &str = " where not exists (select 1 from dead_letter l \
     where l.subject = k.subject and l.generation = 0 and l.detail = k.detail)";

async fn write(
    c: &mut SqliteConnection,
    letters: &[&Letter],
    only: &str,
    now_us: i64,
) -> Result<u64, sqlx::Error> {
    let tail = format!(
        ") insert into dead_letter (generation, subject, pos, reason, detail, at_us) \
         select 0, k.subject, k.pos, ?, k.detail, ? from k{only}"
    );
    let mut written = 0;
    for range in bulk::chunks(letters.len()) {
        let sql = bulk::values(
            "with k(subject, pos, detail) as (values ",
            "(?,?,?)",
            range.len(),
            &tail,
        );
        let mut query = sqlx::query(sql);
        for letter in &letters[range] {
            query = query
                .bind(letter.subject.as_str())
                .bind(letter.pos)
                .bind(letter.detail.as_str());
        }
        let done = query
            .bind(DeadReason::BadOp.word())
            .bind(now_us)
            .execute(&mut *c)
            .await?;
        written += done.rows_affected();
    }
    Ok(written)
}
