//! Records in Postgres: one statement for all of a unit. ADR 7 says why it is not COPY.

use std::collections::HashMap;

use sqlx::{PgConnection, Row as _};

use super::super::intern::Ids;
use crate::store::archiving::records::NewState;
use crate::store::error::{StoreError, corrupt};

/// A consumer may have made an address just now that was not there when the unit was judged.
const UPSERT: &str = "\
    insert into record (did_id, coll_id, rkey, part, pos, rev, cid, trust, seen_us, body) \
    select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[], $5::bigint[], \
    $6::text[], $7::bytea[], $8::bigint[], $9::bigint[], $10::bytea[]) \
    on conflict (did_id, coll_id, rkey) do update set part = excluded.part, pos = excluded.pos, \
    rev = excluded.rev, cid = excluded.cid, trust = excluded.trust, \
    seen_us = excluded.seen_us, body = excluded.body \
    returning did_id, coll_id, rkey, id";

/// Writes records and says their ids, in the order asked.
pub(super) async fn write(
    c: &mut PgConnection,
    ids: &mut Ids<'_>,
    states: &[NewState<'_>],
) -> Result<Vec<i64>, StoreError> {
    // In the order of the unique index, as consumers make addresses: two transactions never wait in a circle.
    let mut sorted: Vec<&NewState<'_>> = states.iter().collect();
    sorted.sort_unstable_by(|a, b| a.at.cmp(&b.at));
    let rows = upsert(c, &sorted).await?;
    let mut found: HashMap<(i64, i64, &str), i64> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let place = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        found.insert(place, row.try_get(3)?);
    }
    let mut written = Vec::with_capacity(states.len());
    for state in states {
        let at = &state.at;
        let place = (at.did_id, at.collection_id, at.rkey.as_str());
        let id = *found
            .get(&place)
            .ok_or_else(|| corrupt("a record that was written is not there"))?;
        ids.remember(at.clone(), id);
        written.push(id);
    }
    Ok(written)
}

async fn upsert(
    c: &mut PgConnection,
    rows: &[&NewState<'_>],
) -> Result<Vec<sqlx::postgres::PgRow>, sqlx::Error> {
    let dids: Vec<i64> = rows.iter().map(|r| r.at.did_id).collect();
    let collections: Vec<i64> = rows.iter().map(|r| r.at.collection_id).collect();
    let rkeys: Vec<&str> = rows.iter().map(|r| r.at.rkey.as_str()).collect();
    let parts: Vec<i32> = rows.iter().map(|r| i32::from(r.partition())).collect();
    let pos: Vec<i64> = rows.iter().map(|r| r.pos()).collect();
    let revs: Vec<&str> = rows.iter().map(|r| r.rev()).collect();
    let cids: Vec<Option<&[u8]>> = rows
        .iter()
        .map(|r| r.content().map(|(cid, _)| cid.as_bytes().as_slice()))
        .collect();
    let trusts: Vec<i64> = rows.iter().map(|r| r.trust().as_i64()).collect();
    let seen: Vec<i64> = rows.iter().map(|r| r.seen_us).collect();
    let bodies: Vec<Option<&[u8]>> = rows
        .iter()
        .map(|r| r.content().map(|(_, body)| body.as_ref()))
        .collect();
    sqlx::query(UPSERT)
        .bind(dids)
        .bind(collections)
        .bind(rkeys)
        .bind(parts)
        .bind(pos)
        .bind(revs)
        .bind(cids)
        .bind(trusts)
        .bind(seen)
        .bind(bodies)
        .fetch_all(c)
        .await
}
