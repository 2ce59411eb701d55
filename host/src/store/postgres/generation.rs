//! Generations: registered versions of plugins with their tables, and where they stand.
//!
//! Guarantees: a registration is whole or nothing, DDL and role included; hosts that register at once take turns; the
//! same (plugin, digest) is the same generation on every host; a generation's number is never used again. For now a
//! plugin has one generation: a new one takes the older ones' place.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::compile_reads::compile_reads;
use super::role;
use super::schema::{GenerationTables, Names, View, create_tables, create_views};
use crate::fault::crash;
use crate::store::error::StoreError;
use crate::store::feed::Pos;
use crate::store::indexing::{manifest_of, manifest_text, quoted, unknown};
use crate::store::reading::Reads;
use crate::store::rows::{Generation, GenerationId, Registration};

/// A generation ready for work.
pub(super) struct Registered {
    pub(super) generation: Generation,
    pub(super) tables: GenerationTables,
    pub(super) reads: Reads,
}

/// Makes or finds the generation of a registration, in a transaction of its own.
///
/// # Errors
/// [`StoreError::Refused`] with everything that is wrong with its tables and reads; nothing has changed then.
pub(super) async fn register(
    pool: &PgPool,
    host: &str,
    partitions: u16,
    registration: &Registration,
    now_us: i64,
) -> Result<Registered, StoreError> {
    let mut tx = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('aviary generations ' || $1, 0))")
        .bind(host)
        .execute(&mut *tx)
        .await?;
    let manifest = &registration.manifest;
    let known = find(&mut tx, &manifest.name, &registration.digest).await?;
    let id = match known {
        Some(id) => id,
        None => next_id(&mut tx).await?,
    };
    let names = names(&mut tx, host, id).await?;
    let tables = GenerationTables::new(names, id, Arc::clone(manifest))?;
    if known.is_none() {
        for sql in create_tables(&tables.names, manifest)? {
            define(&mut tx, &sql).await?;
        }
    }
    note(&mut tx, id, registration, now_us).await?;
    let made_views = place_views(&mut tx, &tables).await?;
    role::place(&mut tx, &tables, made_views).await?;
    start_partitions(&mut tx, id, partitions).await?;
    let reads = compile_reads(&mut tx, &tables).await?;
    for older in others(&mut tx, &manifest.name, id).await? {
        retire(&mut tx, host, older).await?;
    }
    let generation = Generation {
        id,
        positions: positions(&mut tx, id).await?,
        is_new: known.is_none(),
    };
    crash::at(crash::COMMITS);
    tx.commit().await?;
    Ok(Registered {
        generation,
        tables,
        reads,
    })
}

/// Finds the generation of a registration that another host made, and compiles this host's reads of it. Changes
/// nothing.
///
/// # Errors
/// [`StoreError::Refused`] when no host has registered this version, or a read is wrong.
pub(super) async fn attach(
    pool: &PgPool,
    host: &str,
    registration: &Registration,
) -> Result<Registered, StoreError> {
    let mut tx = pool.begin().await?;
    let name = &registration.manifest.name;
    let id = find(&mut tx, name, &registration.digest).await?;
    let id = id.ok_or_else(|| {
        StoreError::Refused(format!(
            "no host that indexes has registered this version of {name}: put the same file there first"
        ))
    })?;
    let names = names(&mut tx, host, id).await?;
    let tables = GenerationTables::new(names, id, Arc::clone(&registration.manifest))?;
    let reads = compile_reads(&mut tx, &tables).await?;
    let generation = Generation {
        id,
        positions: positions(&mut tx, id).await?,
        is_new: false,
    };
    tx.rollback().await?;
    Ok(Registered {
        generation,
        tables,
        reads,
    })
}

/// The tables of a registered generation.
pub(super) async fn load(
    c: &mut PgConnection,
    host: &str,
    id: GenerationId,
) -> Result<GenerationTables, StoreError> {
    let text: Option<String> = sqlx::query_scalar("select manifest from generation where id = $1")
        .bind(id)
        .fetch_optional(&mut *c)
        .await?;
    let manifest = manifest_of(id, text.as_deref())?;
    GenerationTables::new(names(c, host, id).await?, id, manifest)
}

/// A generation's position in each partition.
pub(super) async fn positions(
    c: &mut PgConnection,
    id: GenerationId,
) -> Result<Vec<Pos>, StoreError> {
    let rows = sqlx::query_scalar("select pos from position where generation = $1 order by part")
        .bind(id)
        .fetch_all(c)
        .await?;
    if rows.is_empty() {
        return Err(unknown(id));
    }
    Ok(rows)
}

async fn names(c: &mut PgConnection, host: &str, id: GenerationId) -> Result<Names, sqlx::Error> {
    let database: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(c)
        .await?;
    Ok(Names::new(&database, host, id))
}

async fn find(
    c: &mut PgConnection,
    plugin: &str,
    digest: &str,
) -> Result<Option<GenerationId>, sqlx::Error> {
    sqlx::query_scalar("select id from generation where plugin = $1 and digest = $2")
        .bind(plugin)
        .bind(digest)
        .fetch_optional(c)
        .await
}

/// Numbers are counted apart from the table, so that a dropped generation's is not given again.
async fn next_id(c: &mut PgConnection) -> Result<GenerationId, sqlx::Error> {
    sqlx::query_scalar(
        "insert into meta as m (key, value) values ('last_generation', '1') \
         on conflict (key) do update set value = (m.value::bigint + 1)::text \
         returning value::bigint",
    )
    .fetch_one(c)
    .await
}

/// Writes a new generation down. The digest covers what rows depend on; a known one's reads may have changed under it.
async fn note(
    c: &mut PgConnection,
    id: GenerationId,
    registration: &Registration,
    now_us: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into generation as g (id, plugin, digest, manifest, created_us) values ($1, $2, $3, $4, $5) \
         on conflict (id) do update set manifest = excluded.manifest where g.manifest <> excluded.manifest",
    )
    .bind(id)
    .bind(&registration.manifest.name)
    .bind(&registration.digest)
    .bind(manifest_text(&registration.manifest)?)
    .bind(now_us)
    .execute(c)
    .await?;
    Ok(())
}

/// Runs DDL made from a manifest: what Postgres does not accept is the manifest's fault, or a privilege is missing.
pub(super) async fn define(c: &mut PgConnection, sql: &str) -> Result<(), StoreError> {
    const MISSING_PRIVILEGE: &str = "42501";
    let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(c).await else {
        return Ok(());
    };
    let state = error.as_database_error().and_then(|e| e.code());
    match state.as_deref() {
        Some(MISSING_PRIVILEGE) => Err(StoreError::Refused(format!(
            "the database user may not do what registering a plugin takes ({error}, in: {sql}): grant it, as the \
             database's owner, `create on database …`, and `createrole` (alter role … createrole)"
        ))),
        // Syntax, names, programs' limits: about the text.
        Some(state) if state.starts_with("42") || state.starts_with("54") => {
            Err(StoreError::Refused(format!(
                "the database refuses what the manifest declares: {error}, in: {sql}"
            )))
        }
        _ => Err(error.into()),
    }
}

/// Puts the views in place, unless they are: replacing one waits for all who read it. Each carries its statement as a
/// comment, so that those of an earlier version of Aviary are told from this one's. Whether they were made.
async fn place_views(c: &mut PgConnection, tables: &GenerationTables) -> Result<bool, StoreError> {
    let wanted = create_views(&tables.names, &tables.shape.manifest)?;
    let found: Vec<(String, Option<String>)> = sqlx::query_as(
        "select v.relname::text, obj_description(v.oid, 'pg_class') from pg_class v \
         join pg_namespace s on s.oid = v.relnamespace where s.nspname = $1 and v.relkind = 'v'",
    )
    .bind(&tables.names.schema)
    .fetch_all(&mut *c)
    .await?;
    let is_there = |view: &View| {
        let same = |(name, sql): &(String, Option<String>)| {
            *name == view.name && sql.as_deref() == Some(&view.sql)
        };
        found.iter().any(same)
    };
    if wanted.iter().all(is_there) {
        return Ok(false);
    }
    for View { full_name, sql, .. } in &wanted {
        define(c, &format!("drop view if exists {full_name}")).await?;
        define(c, sql).await?;
        let comment = sql.replace('\'', "''");
        define(c, &format!("comment on view {full_name} is '{comment}'")).await?;
    }
    Ok(true)
}

async fn start_partitions(
    c: &mut PgConnection,
    id: GenerationId,
    partitions: u16,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into position (generation, part, pos) select $1, part, 0 from generate_series(0, $2 - 1) as k(part) \
         on conflict do nothing",
    )
    .bind(id)
    .bind(i32::from(partitions))
    .execute(c)
    .await?;
    Ok(())
}

async fn others(
    c: &mut PgConnection,
    plugin: &str,
    than: GenerationId,
) -> Result<Vec<GenerationId>, sqlx::Error> {
    sqlx::query_scalar("select id from generation where plugin = $1 and id <> $2 order by id")
        .bind(plugin)
        .bind(than)
        .fetch_all(c)
        .await
}

/// Removes a generation with all it has. Its positions go first: a unit of it that is under way holds them, so this
/// waits for the unit, and the next one finds nothing.
async fn retire(c: &mut PgConnection, host: &str, id: GenerationId) -> Result<(), StoreError> {
    let names = names(c, host, id).await?;
    for sql in [
        "delete from position where generation = $1",
        "delete from dead_letter where generation = $1",
        "delete from generation where id = $1",
    ] {
        sqlx::query(sql).bind(id).execute(&mut *c).await?;
    }
    let drop_it = format!("drop schema if exists {} cascade", quoted(&names.schema));
    define(c, &drop_it).await?;
    role::remove(c, &names).await
}
