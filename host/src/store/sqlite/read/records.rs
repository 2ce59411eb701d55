//! Visible records by address, in the session's snapshot.

use bytes::Bytes;
use serde_json::Value as Json;
use sqlx::SqliteConnection;

use super::bind::of_uri;
use super::database_error;
use crate::atproto::{AtUri, Cid, Tid};
use crate::store::archive::RecordRow;
use crate::store::error::StoreError;

const VISIBLE: &str = r#"
select "k"."key", "r"."cid", "r"."rev", "r"."seen_us", "r"."body" from json_each(?1) as "k"
cross join "did" as "d" on "d"."did" = "k"."value" ->> 0
cross join "collection" as "c" on "c"."nsid" = "k"."value" ->> 1
cross join "record" as "r" on "r"."did_id" = "d"."id" and "r"."coll_id" = "c"."id" and "r"."rkey" = "k"."value" ->> 2
where "r"."cid" is not null and "r"."body" is not null
  and not exists (select 1 from "hidden" as "h" where "h"."did_id" = "r"."did_id")"#;

type Found = (i64, Vec<u8>, String, i64, Vec<u8>);

/// One answer for each URI: the record, when it is live and its account visible.
pub(super) async fn visible(
    c: &mut SqliteConnection,
    uris: &[AtUri],
) -> Result<Vec<Option<RecordRow>>, StoreError> {
    let asked: Vec<Json> = uris.iter().map(of_uri).collect();
    let found: Vec<Found> = sqlx::query_as(VISIBLE)
        .bind(Json::from(asked).to_string())
        .fetch_all(c)
        .await
        .map_err(|e| database_error(&e))?;
    let mut rows = vec![None; uris.len()];
    for (at, cid, rev, seen_us, body) in found {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
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
