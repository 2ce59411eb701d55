//! Records in the file.

use sqlx::SqliteConnection;

use super::super::bulk;
use super::super::intern::Interner;
use crate::store::archiving::records::NewState;

/// Writes records and says their ids, in order.
pub(super) async fn write(
    c: &mut SqliteConnection,
    intern: &mut Interner,
    states: &[NewState<'_>],
) -> Result<Vec<i64>, sqlx::Error> {
    let mut rows = Vec::with_capacity(states.len());
    for state in states {
        let id = match state.id {
            Some(id) => id,
            None => intern.next_record(c).await?,
        };
        rows.push((id, state));
    }
    for range in bulk::chunks(rows.len()) {
        upsert(c, &rows[range]).await?;
    }
    for (id, state) in &rows {
        intern.remember(state.at.clone(), *id);
    }
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

async fn upsert(
    c: &mut SqliteConnection,
    rows: &[(i64, &NewState<'_>)],
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
    for (id, state) in rows {
        let content = state.content();
        query = query
            .bind(*id)
            .bind(state.at.did_id)
            .bind(state.at.collection_id)
            .bind(state.at.rkey.as_str())
            .bind(state.partition())
            .bind(state.pos())
            .bind(state.rev())
            .bind(content.map(|(cid, _)| cid.as_bytes().as_slice()))
            .bind(state.trust().as_i64())
            .bind(state.seen_us)
            .bind(content.map(|(_, body)| body.as_ref()));
    }
    query.execute(c).await?;
    Ok(())
}
