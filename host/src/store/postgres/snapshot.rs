//! Reading what the archive holds of one account, so that a snapshot can be compared with it.

use sqlx::{PgConnection, Row as _};

use crate::atproto::{Cid, Did, Nsid, RecordKey, Tid};
use crate::store::archive::ArchivedRecord;
use crate::store::error::{StoreError, corrupt};

const COLLECTIONS: &str = "\
    select c.nsid from did d cross join collection c where d.did = $1 and exists \
    (select 1 from record r where r.did_id = d.id and r.coll_id = c.id and r.cid is not null) \
    order by c.nsid";

/// No record key is empty: everything comes after an empty one.
const RECORDS: &str = "\
    select r.rkey, r.cid, r.rev, r.trust::bigint from record r \
    where r.did_id = (select id from did where did = $1) \
    and r.coll_id = (select id from collection where nsid = $2) \
    and r.rkey > $3 and r.cid is not null order by r.rkey limit $4";

/// See [`crate::store::Store::archived_collections`].
pub(super) async fn collections(c: &mut PgConnection, did: &Did) -> Result<Vec<Nsid>, StoreError> {
    let nsids: Vec<String> = sqlx::query_scalar(COLLECTIONS)
        .bind(did.as_str())
        .fetch_all(c)
        .await?;
    nsids
        .iter()
        .map(|nsid| Nsid::parse(nsid).map_err(corrupt))
        .collect()
}

/// See [`crate::store::Store::archived_records`].
pub(super) async fn records(
    c: &mut PgConnection,
    (did, collection): (&Did, &Nsid),
    after: Option<&RecordKey>,
    limit: usize,
) -> Result<Vec<ArchivedRecord>, StoreError> {
    let rows = sqlx::query(RECORDS)
        .bind(did.as_str())
        .bind(collection.as_str())
        .bind(after.map_or("", RecordKey::as_str))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(c)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ArchivedRecord {
                rkey: RecordKey::parse(row.try_get(0)?).map_err(corrupt)?,
                cid: Cid::from_bytes(row.try_get(1)?).map_err(corrupt)?,
                rev: Tid::parse(row.try_get(2)?).map_err(corrupt)?,
                trust: row.try_get(3)?,
            })
        })
        .collect()
}
