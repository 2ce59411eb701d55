//! Who works on a database, and how far everything is.
//!
//! Guarantees: an overview takes part in nothing; a host's note about itself is a courtesy: what may write is decided by
//! the leases alone.

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, PgPool};

use super::connection;
use crate::limits;
use crate::store::error::StoreError;
use crate::store::overview::{HostNote, Overview};

const HOSTS: &str = "\
    select h.name, h.roles, h.version, h.address, \
    extract(epoch from clock_timestamp() - h.seen)::bigint, \
    extract(epoch from clock_timestamp() - h.since)::bigint, \
    exists (select 1 from lease l where l.host = h.name and l.until > clock_timestamp()) \
    from host h where h.seen > clock_timestamp() - make_interval(secs => $1) order by h.since, h.name";

type HostRow = (String, String, String, String, i64, i64, bool);

/// Reads the overview of a schema.
///
/// # Errors
/// When the server does not answer, or the schema is not a store of this version.
pub async fn overview(url: &str, schema: &str) -> Result<Overview, StoreError> {
    let options: PgConnectOptions = connection::reading(url, schema)?;
    let mut c = PgConnection::connect_with(&options).await?;
    let mut snapshot = c.begin().await?;
    sqlx::raw_sql("set transaction isolation level repeatable read")
        .execute(&mut *snapshot)
        .await?;
    let partitions: Vec<(i32, i64)> =
        sqlx::query_as("select part, pos from partition order by part")
            .fetch_all(&mut *snapshot)
            .await?;
    let marks = sqlx::query_as("select source, min(seq), count(*) from mark group by source")
        .fetch_all(&mut *snapshot)
        .await?;
    let positions: Vec<(String, i64, i32, i64)> = sqlx::query_as(
        "select g.plugin, g.id, p.part, p.pos from generation g \
         join position p on p.generation = g.id order by g.id, p.part",
    )
    .fetch_all(&mut *snapshot)
    .await?;
    let hosts: Vec<HostRow> = sqlx::query_as(HOSTS)
        .bind(limits::HOST_FORGOTTEN_MS as f64 / 1_000.0)
        .fetch_all(&mut *snapshot)
        .await?;
    let part = |part: i32| u16::try_from(part).unwrap_or(u16::MAX);
    let overview = Overview::of(
        partitions
            .into_iter()
            .map(|(p, pos)| (part(p), pos))
            .collect(),
        marks,
        positions
            .into_iter()
            .map(|(name, id, p, pos)| (name, id, part(p), pos))
            .collect(),
    );
    Ok(Overview {
        hosts: hosts.into_iter().map(note).collect(),
        ..overview
    })
}

fn note(row: HostRow) -> HostNote {
    let (name, roles, version, address, seen_s, up_s, writes) = row;
    HostNote {
        name,
        roles,
        version,
        address,
        seen_s,
        up_s,
        writes,
    }
}

/// Says that a host is there, and forgets those that have not said so for long.
pub(super) async fn announce(pool: &PgPool, note: &HostNote) -> Result<(), StoreError> {
    sqlx::query(
        "insert into host (name, roles, version, address) values ($1, $2, $3, $4) \
         on conflict (name) do update set roles = excluded.roles, version = excluded.version, \
         address = excluded.address, seen = clock_timestamp()",
    )
    .bind(&note.name)
    .bind(&note.roles)
    .bind(&note.version)
    .bind(&note.address)
    .execute(pool)
    .await?;
    sqlx::query("delete from host where seen < clock_timestamp() - make_interval(secs => $1)")
        .bind(limits::HOST_FORGOTTEN_MS as f64 / 1_000.0)
        .execute(pool)
        .await?;
    Ok(())
}
