//! What Postgres holds of the records that a unit touches.

use sqlx::{PgConnection, Row as _};

use crate::atproto::{Cid, Tid};
use crate::store::archiving::RecordAt;
use crate::store::archiving::slots::Held;
use crate::store::error::{StoreError, corrupt};

const SELECT: &str = "\
    select k.i, r.id, r.rev, r.trust::bigint, r.cid, r.seen_us \
    from unnest($1::bigint[], $2::bigint[], $3::text[]) with ordinality as k(d, c, r, i) \
    join record r on r.did_id = k.d and r.coll_id = k.c and r.rkey = k.r";

/// One for each place; the places are distinct.
pub(super) async fn load(
    c: &mut PgConnection,
    places: &[RecordAt],
) -> Result<Vec<Held>, StoreError> {
    let dids: Vec<i64> = places.iter().map(|p| p.did_id).collect();
    let collections: Vec<i64> = places.iter().map(|p| p.collection_id).collect();
    let rkeys: Vec<&str> = places.iter().map(|p| p.rkey.as_str()).collect();
    let rows = sqlx::query(SELECT)
        .bind(dids)
        .bind(collections)
        .bind(rkeys)
        .fetch_all(c)
        .await?;
    let mut all = vec![Held::default(); places.len()];
    for row in &rows {
        // Ordinality counts from 1.
        let i = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
        let rev: Option<&str> = row.try_get(2)?;
        let trust: Option<i64> = row.try_get(3)?;
        let cid: Option<&[u8]> = row.try_get(4)?;
        if let Some(slot) = all.get_mut(i.wrapping_sub(1)) {
            *slot = Held {
                id: Some(row.try_get(1)?),
                rev: rev.map(Tid::parse).transpose().map_err(corrupt)?,
                trust: trust.unwrap_or_default(),
                cid: cid.map(Cid::from_bytes).transpose().map_err(corrupt)?,
                seen_us: row.try_get(5)?,
            };
        }
    }
    Ok(all)
}
