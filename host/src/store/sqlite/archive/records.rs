//! Records follow the latest revision: one row for each address, set by the last operation that changed it.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::super::bulk;
use super::super::intern::{Interner, RecordAt};
use super::held::Write;
use crate::atproto::{AtUri, Did, Tid};
use crate::entry::{Action, Commit, Op, Partition, Records, RejectedOp, Trust};
use crate::store::feed::{Change, ChangeState, Pos};

/// An entry whose operations are judged record by record.
pub(super) struct Accepted<'a> {
    pub(super) partition: Partition,
    pub(super) did_id: i64,
    pub(super) did: &'a Did,
    pub(super) rev: Tid,
    pub(super) trust: Trust,
    pub(super) ops: &'a [Op],
    pub(super) rejected: &'a [RejectedOp],
    /// A commit has a place in the feed whatever it changes.
    pub(super) is_commit: bool,
    /// Whether a delete leaves a tombstone also of what the archive never held: something older may still come.
    pub(super) remembers_deletes: bool,
    /// Its place in the feed; 0 while it has none.
    pub(super) pos: Pos,
}

impl<'a> Accepted<'a> {
    pub(super) fn commit(
        partition: Partition,
        did_id: i64,
        commit: &'a Commit,
        awaits_snapshot: bool,
    ) -> Self {
        Self {
            partition,
            did_id,
            did: &commit.did,
            rev: commit.rev,
            trust: commit.trust,
            ops: &commit.ops,
            rejected: &commit.rejected,
            is_commit: true,
            remembers_deletes: awaits_snapshot,
            pos: 0,
        }
    }

    /// A stream without commits says nothing about what it left out before, so its deletes are always remembered.
    pub(super) fn records(partition: Partition, did_id: i64, records: &'a Records) -> Self {
        Self {
            partition,
            did_id,
            did: &records.did,
            rev: records.rev,
            trust: records.trust,
            ops: &records.ops,
            rejected: &records.rejected,
            is_commit: false,
            remembers_deletes: records.trust == Trust::UnverifiedStream,
            pos: 0,
        }
    }
}

/// A record's new state in the archive.
struct Row<'a> {
    id: i64,
    at: RecordAt,
    seen_us: i64,
    entry: &'a Accepted<'a>,
    op: &'a Op,
}

/// Writes what the accepted entries leave of each record, and says it as changes in pos order.
pub(super) async fn write(
    c: &mut SqliteConnection,
    intern: &mut Interner,
    accepted: &[Accepted<'_>],
    writes: Vec<Write>,
    now_us: i64,
) -> Result<Vec<Arc<Change>>, sqlx::Error> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        let (entry_at, op_at) = write.op;
        let Some(entry) = accepted.get(entry_at) else {
            continue;
        };
        let Some(op) = entry.ops.get(op_at) else {
            continue;
        };
        let is_put = matches!(op.action, Action::Put { .. });
        let id = match write.id {
            Some(id) => id,
            None if is_put || write.remembered => intern.next_record(c).await?,
            // Never seen: there is nothing to take back.
            None => continue,
        };
        rows.push(Row {
            id,
            at: write.at,
            seen_us: write.seen_us.unwrap_or(now_us),
            entry,
            op,
        });
    }
    for range in bulk::chunks(rows.len()) {
        upsert(c, &rows[range]).await?;
    }
    let changes = rows.iter().map(|row| Arc::new(change(row))).collect();
    for row in rows {
        intern.remember(row.at, row.id);
    }
    Ok(changes)
}

async fn upsert(c: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let sql = bulk::values(
        "insert into record \
         (id, did_id, coll_id, rkey, part, pos, rev, cid, trust, seen_us, body) values ",
        "(?,?,?,?,?,?,?,?,?,?,?)",
        rows.len(),
        " on conflict (id) do update set part = excluded.part, pos = excluded.pos, \
         rev = excluded.rev, cid = excluded.cid, trust = excluded.trust, \
         seen_us = excluded.seen_us, body = excluded.body",
    );
    let mut query = sqlx::query(sql);
    for row in rows {
        let content = match &row.op.action {
            Action::Put { cid, body } => Some((cid, body)),
            Action::Delete => None,
        };
        query = query
            .bind(row.id)
            .bind(row.at.did_id)
            .bind(row.at.collection_id)
            .bind(row.at.rkey.as_str())
            .bind(row.entry.partition)
            .bind(row.entry.pos)
            .bind(row.entry.rev.as_str())
            .bind(content.map(|(cid, _)| cid.as_bytes().as_slice()))
            .bind(row.entry.trust.as_i64())
            .bind(row.seen_us)
            .bind(content.map(|(_, body)| body.as_ref()));
    }
    query.execute(c).await?;
    Ok(())
}

fn change(row: &Row<'_>) -> Change {
    let uri = AtUri {
        did: row.entry.did.clone(),
        collection: row.op.collection.clone(),
        rkey: row.op.rkey.clone(),
    };
    let state = match &row.op.action {
        Action::Put { cid, body } => ChangeState::Live {
            rev: row.entry.rev,
            cid: *cid,
            seen_us: row.seen_us,
            body: body.clone(),
        },
        Action::Delete => ChangeState::Deleted,
    };
    Change::new(
        (row.entry.partition, row.entry.pos),
        (row.id, row.at.did_id),
        uri,
        state,
    )
}
