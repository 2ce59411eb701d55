//! Visible records by address, in the session's snapshot.

use bytes::Bytes;
use sqlx::postgres::PgConnection;

use super::bind::parts;
use super::database_error;
use crate::atproto::{AtUri, Cid, Tid};
use crate::store::archive::RecordRow;
use crate::store::error::StoreError;

const VISIBLE: &str = "\
    select k.i, r.cid, r.rev, r.seen_us, r.body \
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as k(d, c, r, i) \
    join did d on d.did = k.d join collection c on c.nsid = k.c \
    join record r on r.did_id = d.id and r.coll_id = c.id and r.rkey = k.r \
    where r.cid is not null and r.body is not null \
      and not exists (select 1 from hidden h where h.did_id = r.did_id)";

type Found = (i64, Vec<u8>, String, i64, Vec<u8>);

/// One answer for each URI: the record, when it is live and its account visible.
pub(super) async fn visible(
    c: &mut PgConnection,
    uris: &[AtUri],
) -> Result<Vec<Option<RecordRow>>, StoreError> {
    let asked: Vec<&AtUri> = uris.iter().collect();
    let (dids, nsids, rkeys) = parts(&asked);
    let found: Vec<Found> = sqlx::query_as(VISIBLE)
        .bind(dids)
        .bind(nsids)
        .bind(rkeys)
        .fetch_all(c)
        .await
        .map_err(|e| database_error(&e))?;
    let mut rows = vec![None; uris.len()];
    for (number, cid, rev, seen_us, body) in found {
        let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let (Some(slot), Some(uri)) = (rows.get_mut(at), uris.get(at)) else {
            continue;
        };
        let corrupt = |e: String| StoreError::Corrupt(format!("{uri}: {e}"));
        *slot = Some(RecordRow {
            rkey: uri.rkey.clone(),
            cid: Cid::from_bytes(&cid).map_err(|e| corrupt(e.to_string()))?,
            rev: Tid::parse(&rev).map_err(|e| corrupt(e.to_string()))?,
            seen_us,
            body: Bytes::from(body),
        });
    }
    Ok(rows)
}
