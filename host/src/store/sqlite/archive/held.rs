//! What the file holds of the records that a unit touches.

use sqlx::{Row as _, SqliteConnection};

use super::super::bulk;
use crate::atproto::{Cid, Tid};
use crate::store::archiving::RecordAt;
use crate::store::archiving::slots::Held;
use crate::store::error::{StoreError, corrupt};

/// One for each place; the places are distinct.
pub(super) async fn load(
    c: &mut SqliteConnection,
    places: &[RecordAt],
) -> Result<Vec<Held>, StoreError> {
    let mut all = vec![Held::default(); places.len()];
    for range in bulk::chunks(places.len()) {
        let sql = bulk::values(
            "with k(i, d, c, r) as (values ",
            "(?,?,?,?)",
            range.len(),
            ") select k.i, r.id, r.rev, r.trust, r.cid, r.seen_us from k cross join record r \
             on r.did_id = k.d and r.coll_id = k.c and r.rkey = k.r",
        );
        let mut query = sqlx::query(sql);
        for (i, place) in range.clone().zip(&places[range]) {
            query = query
                .bind(i64::try_from(i).unwrap_or(i64::MAX))
                .bind(place.did_id)
                .bind(place.collection_id)
                .bind(place.rkey.as_str());
        }
        for row in query.fetch_all(&mut *c).await? {
            let i = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
            let rev: Option<&str> = row.try_get(2)?;
            let cid: Option<&[u8]> = row.try_get(4)?;
            if let Some(slot) = all.get_mut(i) {
                *slot = Held {
                    id: Some(row.try_get(1)?),
                    rev: rev.map(Tid::parse).transpose().map_err(corrupt)?,
                    trust: row.try_get::<Option<i64>, _>(3)?.unwrap_or_default(),
                    cid: cid.map(Cid::from_bytes).transpose().map_err(corrupt)?,
                    seen_us: row.try_get(5)?,
                };
            }
        }
    }
    Ok(all)
}
