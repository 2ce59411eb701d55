//! Reading what the archive holds of one account, so that a snapshot can be compared with it.

use sqlx::{Row as _, SqliteConnection};

use crate::atproto::{Cid, Did, Nsid, RecordKey, Tid};
use crate::store::archive::ArchivedRecord;
use crate::store::error::{StoreError, corrupt};

const COLLECTIONS: &str = "\
    select c.nsid from did d cross join collection c where d.did = ? and exists \
    (select 1 from record r where r.did_id = d.id and r.coll_id = c.id and r.cid is not null) \
    order by c.nsid";

/// No record key is empty: everything comes after an empty one.
const RECORDS: &str = "\
    select r.rkey, r.cid, r.rev, r.trust from record r \
    where r.did_id = (select id from did where did = ?) \
    and r.coll_id = (select id from collection where nsid = ?) \
    and r.rkey > ? and r.cid is not null order by r.rkey limit ?";

/// See [`crate::store::Store::archived_collections`].
pub(super) async fn collections(
    c: &mut SqliteConnection,
    did: &Did,
) -> Result<Vec<Nsid>, StoreError> {
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
    c: &mut SqliteConnection,
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

#[cfg(test)]
mod tests {
    use super::super::planned;
    use super::*;

    #[tokio::test]
    async fn records_are_read_along_their_index() {
        let (_dir, mut c) = planned::database().await;
        for (sql, along) in [
            (COLLECTIONS, "(did_id=? AND coll_id=?)"),
            (RECORDS, "(did_id=? AND coll_id=? AND rkey>?)"),
        ] {
            let plan = planned::steps(&mut c, sql).await;
            assert!(
                plan.iter()
                    .any(|step| step.starts_with("SEARCH r ") && step.ends_with(along)),
                "{plan:#?}"
            );
            assert!(
                !plan.iter().any(|step| step.starts_with("SCAN r")),
                "{plan:#?}"
            );
        }
    }
}
