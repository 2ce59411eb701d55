//! Generations: registered versions of plugins with their tables, and where they stand.
//!
//! Guarantees: a registration is whole or nothing; the same (plugin, digest) is the same generation; a generation's
//! number is never used again. For now a plugin has one generation: a new one takes the older ones' place.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::plan;
use super::read::Reads;
use super::schema::{self, GenerationTables};
use crate::entry::Partition;
use crate::store::error::StoreError;
use crate::store::feed::Pos;
use crate::store::gate;
use crate::store::indexing::{manifest_of, manifest_text, quoted, unknown};
use crate::store::rows::{Generation, GenerationId, Registration};

/// A generation ready for work.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) generation: Generation,
    pub(super) tables: GenerationTables,
    pub(super) reads: Reads,
}

/// Makes or finds the generation of a registration, in a transaction of its own or the caller's.
///
/// # Errors
/// [`StoreError::Refused`] with everything that is wrong with its tables and reads; nothing has changed then.
pub(super) async fn register(
    c: &mut SqliteConnection,
    partitions: u16,
    registration: &Registration,
    now_us: i64,
) -> Result<Registered, StoreError> {
    sqlx::query("savepoint register").execute(&mut *c).await?;
    let done = register_inside(c, partitions, registration, now_us).await;
    let is_refused = matches!(done, Err(StoreError::Refused(_)));
    if is_refused {
        sqlx::query("rollback to register").execute(&mut *c).await?;
    }
    if is_refused || done.is_ok() {
        sqlx::query("release register").execute(&mut *c).await?;
    } else {
        // The machine failed: the savepoint may be gone with its transaction, and the first error is what matters.
        drop(
            sqlx::raw_sql("rollback to register; release register")
                .execute(&mut *c)
                .await,
        );
    }
    done
}

async fn register_inside(
    c: &mut SqliteConnection,
    partitions: u16,
    registration: &Registration,
    now_us: i64,
) -> Result<Registered, StoreError> {
    let manifest = &registration.manifest;
    let known = find(c, &manifest.name, &registration.digest).await?;
    let id = match known {
        Some(id) => id,
        None => next_id(c).await?,
    };
    let tables = GenerationTables::new(id, Arc::clone(manifest))?;
    let text = manifest_text(manifest)?;
    if known.is_none() {
        for sql in tables.create_tables()? {
            define(c, sql).await?;
        }
        sqlx::query(
            "insert into generation (id, plugin, digest, manifest, created_us) values (?,?,?,?,?)",
        )
        .bind(id)
        .bind(&manifest.name)
        .bind(&registration.digest)
        .bind(&text)
        .bind(now_us)
        .execute(&mut *c)
        .await?;
    } else {
        // The digest covers what rows depend on; reads may have changed under it.
        sqlx::query("update generation set manifest = ? where id = ? and manifest <> ?")
            .bind(&text)
            .bind(id)
            .bind(&text)
            .execute(&mut *c)
            .await?;
    }
    place_views(c, &tables).await?;
    start_partitions(c, id, partitions).await?;
    let reads = compile_reads(c, &tables).await?;
    for older in others(c, &manifest.name, id).await? {
        retire(c, older).await?;
    }
    let generation = Generation {
        id,
        positions: positions(c, id).await?,
        is_new: known.is_none(),
    };
    Ok(Registered {
        generation,
        tables,
        reads,
    })
}

/// The tables of a registered generation.
pub(super) async fn load(
    c: &mut SqliteConnection,
    id: GenerationId,
) -> Result<GenerationTables, StoreError> {
    let text: Option<String> = sqlx::query_scalar("select manifest from generation where id = ?")
        .bind(id)
        .fetch_optional(c)
        .await?;
    GenerationTables::new(id, manifest_of(id, text.as_deref())?)
}

/// A generation's position in each partition.
pub(super) async fn positions(
    c: &mut SqliteConnection,
    id: GenerationId,
) -> Result<Vec<Pos>, StoreError> {
    let rows = sqlx::query_scalar("select pos from position where generation = ? order by part")
        .bind(id)
        .fetch_all(c)
        .await?;
    if rows.is_empty() {
        return Err(unknown(id));
    }
    Ok(rows)
}

/// Sets a generation's positions.
pub(super) async fn stand_at(
    c: &mut SqliteConnection,
    tables: &GenerationTables,
    at: &[(Partition, Pos)],
) -> Result<(), sqlx::Error> {
    for chunk in tables.position.chunks(at.len()) {
        let mut query = sqlx::query(tables.position.text(&chunk));
        for (part, pos) in &at[chunk] {
            query = query.bind(tables.shape.id).bind(*part).bind(*pos);
        }
        query.execute(&mut *c).await?;
    }
    Ok(())
}

async fn find(
    c: &mut SqliteConnection,
    plugin: &str,
    digest: &str,
) -> Result<Option<GenerationId>, sqlx::Error> {
    sqlx::query_scalar("select id from generation where plugin = ? and digest = ?")
        .bind(plugin)
        .bind(digest)
        .fetch_optional(c)
        .await
}

/// Numbers are counted apart from the table, so that a dropped generation's is not given again.
async fn next_id(c: &mut SqliteConnection) -> Result<GenerationId, sqlx::Error> {
    sqlx::query_scalar(
        "insert into meta (key, value) values ('last_generation', '1') \
         on conflict (key) do update set value = cast(cast(value as integer) + 1 as text) \
         returning cast(value as integer)",
    )
    .fetch_one(c)
    .await
}

/// Runs DDL made from a manifest: what SQLite does not accept is the manifest's fault.
async fn define(c: &mut SqliteConnection, sql: String) -> Result<(), StoreError> {
    match sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(c).await {
        Ok(_) => Ok(()),
        Err(error) if is_about_the_text(&error) => Err(StoreError::Refused(format!(
            "the database refuses what the manifest declares: {error}, in: {sql}"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// SQLITE_ERROR: a statement that does not make sense. Everything else is the machine's.
fn is_about_the_text(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|e| e.code())
        .is_some_and(|code| code == "1")
}

/// Puts the views in place. Those of an earlier version of Aviary are replaced.
async fn place_views(
    c: &mut SqliteConnection,
    tables: &GenerationTables,
) -> Result<(), StoreError> {
    for (view, sql) in tables.create_views()? {
        let drop_it = format!("drop view if exists {}", quoted(&view));
        define(c, drop_it).await?;
        define(c, sql).await?;
    }
    Ok(())
}

async fn start_partitions(
    c: &mut SqliteConnection,
    id: GenerationId,
    partitions: u16,
) -> Result<(), sqlx::Error> {
    for part in 0..partitions {
        sqlx::query(
            "insert into position (generation, part, pos) values (?, ?, 0) on conflict do nothing",
        )
        .bind(id)
        .bind(part)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// Compiles and plans all reads; says what is wrong with each. The host may be newer than the tables, so that also
/// a known generation's are looked at.
async fn compile_reads(
    c: &mut SqliteConnection,
    tables: &GenerationTables,
) -> Result<Reads, StoreError> {
    let schema = schema::gate_schema(tables);
    let mut reads = Reads::new();
    let mut wrong = Vec::new();
    for read in &tables.shape.manifest.reads {
        let compiled = match gate::compile(read, &schema, gate::Dialect::Sqlite) {
            Ok(compiled) => compiled,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        match plan::check_plan(c, &compiled).await {
            Ok(()) => drop(reads.insert(read.name.clone(), compiled)),
            Err(StoreError::Refused(message)) => wrong.push(message),
            Err(error) => return Err(error),
        }
    }
    if wrong.is_empty() {
        Ok(reads)
    } else {
        Err(StoreError::Refused(wrong.join("\n")))
    }
}

async fn others(
    c: &mut SqliteConnection,
    plugin: &str,
    than: GenerationId,
) -> Result<Vec<GenerationId>, sqlx::Error> {
    sqlx::query_scalar("select id from generation where plugin = ? and id <> ?")
        .bind(plugin)
        .bind(than)
        .fetch_all(c)
        .await
}

/// Removes a generation with all it has.
async fn retire(c: &mut SqliteConnection, id: GenerationId) -> Result<(), StoreError> {
    let named: Vec<(String, String)> = sqlx::query_as(
        "select type, name from sqlite_schema where type in ('table', 'view') and name glob ? order by type desc",
    )
    .bind(format!("{}*", schema::table_name(id, "")))
    .fetch_all(&mut *c)
    .await?;
    for (kind, name) in named {
        let sql = format!("drop {kind} {}", quoted(&name));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *c).await?;
    }
    for sql in [
        "delete from position where generation = ?",
        "delete from dead_letter where generation = ?",
        "delete from generation where id = ?",
    ] {
        sqlx::query(sql).bind(id).execute(&mut *c).await?;
    }
    Ok(())
}
