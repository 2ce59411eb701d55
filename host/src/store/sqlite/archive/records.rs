//! Records follow the latest operation: one row for each address, set by the last commit that touched it.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::SqliteConnection;

use super::super::bulk;
use super::super::intern::{Interner, RecordAt};
use super::Accepted;
use crate::atproto::{AtUri, Nsid};
use crate::entry::{Action, Op};
use crate::store::feed::{Change, ChangeState};

/// A record's new state in the archive.
struct Row<'a> {
    id: i64,
    at: RecordAt,
    accepted: &'a Accepted<'a>,
    op: &'a Op,
}

/// Writes what the accepted commits leave of each record, and says it as changes in pos order.
pub(super) async fn write(
    c: &mut SqliteConnection,
    intern: &mut Interner,
    accepted: &[Accepted<'_>],
    now_us: i64,
) -> Result<Vec<Arc<Change>>, sqlx::Error> {
    let rows = plan(c, intern, accepted).await?;
    for range in bulk::chunks(rows.len()) {
        upsert(c, &rows[range], now_us).await?;
    }
    let changes = rows
        .iter()
        .map(|row| Arc::new(change(row, now_us)))
        .collect();
    for row in rows {
        intern.remember(row.at, row.id);
    }
    Ok(changes)
}

/// The last operation on each record, in feed order, with the row it goes to.
async fn plan<'a>(
    c: &mut SqliteConnection,
    intern: &mut Interner,
    accepted: &'a [Accepted<'a>],
) -> Result<Vec<Row<'a>>, sqlx::Error> {
    let ops: Vec<(&Accepted<'_>, &Op)> = accepted
        .iter()
        .flat_map(|a| a.commit.ops.iter().map(move |op| (a, op)))
        .collect();
    let nsids: Vec<Nsid> = ops.iter().map(|(_, op)| op.collection.clone()).collect();
    let collections = intern.collections(c, &nsids).await?;
    let places: Vec<RecordAt> = ops
        .iter()
        .zip(collections)
        .map(|((a, op), collection_id)| RecordAt {
            did_id: a.did_id,
            collection_id,
            rkey: op.rkey.clone(),
        })
        .collect();
    let mut last: HashMap<&RecordAt, usize> = HashMap::with_capacity(places.len());
    for (i, place) in places.iter().enumerate() {
        last.insert(place, i);
    }
    let keep: Vec<bool> = (0..places.len())
        .map(|i| last.get(&places[i]) == Some(&i))
        .collect();
    let mut keep = keep.into_iter();
    let (kept_ops, kept_places): (Vec<_>, Vec<RecordAt>) = ops
        .into_iter()
        .zip(places)
        .filter(|_| keep.next() == Some(true))
        .unzip();
    let found = intern.records(c, &kept_places).await?;
    let mut rows = Vec::with_capacity(kept_ops.len());
    for (((accepted, op), at), id) in kept_ops.into_iter().zip(kept_places).zip(found) {
        let id = match (id, &op.action) {
            (Some(id), _) => id,
            (None, Action::Put { .. }) => intern.next_record(c).await?,
            // Never seen: there is nothing to take back.
            (None, Action::Delete) => continue,
        };
        rows.push(Row {
            id,
            at,
            accepted,
            op,
        });
    }
    Ok(rows)
}

async fn upsert(
    c: &mut SqliteConnection,
    rows: &[Row<'_>],
    now_us: i64,
) -> Result<(), sqlx::Error> {
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
            .bind(row.accepted.partition)
            .bind(row.accepted.pos)
            .bind(row.accepted.commit.rev.as_str())
            .bind(content.map(|(cid, _)| cid.as_bytes().as_slice()))
            .bind(content.map(|_| row.accepted.commit.trust.as_i64()))
            .bind(now_us)
            .bind(content.map(|(_, body)| body.as_ref()));
    }
    query.execute(c).await?;
    Ok(())
}

fn change(row: &Row<'_>, now_us: i64) -> Change {
    let commit = row.accepted.commit;
    let uri = AtUri {
        did: commit.did.clone(),
        collection: row.op.collection.clone(),
        rkey: row.op.rkey.clone(),
    };
    let state = match &row.op.action {
        Action::Put { cid, body } => ChangeState::Live {
            rev: commit.rev,
            cid: *cid,
            seen_us: now_us,
            body: body.clone(),
        },
        Action::Delete => ChangeState::Deleted,
    };
    Change::new(
        (row.accepted.partition, row.accepted.pos),
        (row.id, row.at.did_id),
        uri,
        state,
    )
}
