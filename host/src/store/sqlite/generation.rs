//! Registering plugins: the same digest is the same generation; another digest is another one, from pos 0.

use std::sync::Arc;

use aviary_manifest::Manifest;
use sqlx::{Row, SqliteConnection};

use super::plan;
use super::read::Reads;
use super::schema::{self, GenerationTables};
use crate::store::gate;
use crate::store::{Generation, GenerationId, Pos, Registration, StoreError};

/// A generation at work.
pub(super) struct Registered {
    pub(super) generation: Generation,
    pub(super) tables: GenerationTables,
    pub(super) reads: Reads,
}

/// Finds or makes a generation. Reads are checked and planned in both cases: the host may be newer than the tables.
pub(super) async fn register(
    db: &mut SqliteConnection,
    partitions: u16,
    registration: &Registration,
    now_us: i64,
) -> Result<Registered, StoreError> {
    let manifest = &registration.manifest;
    let existing: Option<GenerationId> =
        sqlx::query("select id from generation where plugin = ?1 and digest = ?2")
            .bind(&manifest.name)
            .bind(&registration.digest)
            .fetch_optional(&mut *db)
            .await?
            .map(|row| row.get(0));
    let tables = match existing {
        Some(id) => GenerationTables::new(id, Arc::clone(manifest)),
        None => make(db, partitions, registration, now_us).await?,
    };
    let reads = compile_reads(db, &tables).await?;
    let generation = Generation {
        id: tables.id,
        positions: positions(db, tables.id).await?,
        is_new: existing.is_none(),
    };
    Ok(Registered {
        generation,
        tables,
        reads,
    })
}

async fn make(
    db: &mut SqliteConnection,
    partitions: u16,
    registration: &Registration,
    now_us: i64,
) -> Result<GenerationTables, StoreError> {
    let manifest = &registration.manifest;
    retire(db, &manifest.name).await?;
    let text = serde_json::to_string(&**manifest).map_err(|e| {
        StoreError::Refused(format!(
            "plugin {}: its manifest is not JSON: {e}",
            manifest.name
        ))
    })?;
    let id: GenerationId = sqlx::query(
        "insert into generation (plugin, digest, manifest, created_us) values (?1, ?2, ?3, ?4) returning id",
    )
    .bind(&manifest.name)
    .bind(&registration.digest)
    .bind(text)
    .bind(now_us)
    .fetch_one(&mut *db)
    .await?
    .get(0);
    for part in 0..partitions {
        sqlx::query("insert into position (generation, part, pos) values (?1, ?2, 0)")
            .bind(id)
            .bind(i64::from(part))
            .execute(&mut *db)
            .await?;
    }
    let tables = GenerationTables::new(id, Arc::clone(manifest));
    schema::create(db, &tables).await?;
    Ok(tables)
}

/// One generation of a plugin is kept: the earlier one's tables and positions go when its successor registers.
async fn retire(db: &mut SqliteConnection, plugin: &str) -> Result<(), StoreError> {
    let earlier: Vec<GenerationId> = sqlx::query("select id from generation where plugin = ?1")
        .bind(plugin)
        .fetch_all(&mut *db)
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    for id in earlier {
        let tables = load(db, id).await?;
        schema::drop_all(db, &tables).await?;
        for sql in [
            "delete from position where generation = ?1",
            "delete from dead_letter where generation = ?1",
            "delete from generation where id = ?1",
        ] {
            sqlx::query(sql).bind(id).execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// Checks and plans every read; all that is wrong is told at once.
async fn compile_reads(
    db: &mut SqliteConnection,
    tables: &GenerationTables,
) -> Result<Reads, StoreError> {
    let relations = schema::gate_schema(tables);
    let (mut reads, mut wrong) = (Reads::new(), Vec::new());
    for read in &tables.manifest.reads {
        match gate::compile(read, &relations) {
            Err(error) => wrong.push(error.to_string()),
            Ok(compiled) => match plan::check_plan(db, &compiled).await {
                Err(StoreError::Refused(message)) => wrong.push(message),
                planned => {
                    planned?;
                    reads.insert(read.name.clone(), compiled);
                }
            },
        }
    }
    if wrong.is_empty() {
        Ok(reads)
    } else {
        Err(StoreError::Refused(wrong.join("\n")))
    }
}

/// A registered generation's tables.
pub(super) async fn load(
    db: &mut SqliteConnection,
    id: GenerationId,
) -> Result<GenerationTables, StoreError> {
    let row = sqlx::query("select manifest from generation where id = ?1")
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| {
            StoreError::Refused(format!(
                "there is no generation {id}: register the plugin first"
            ))
        })?;
    let manifest = Manifest::from_json(row.get::<&str, _>(0).as_bytes())
        .map_err(|e| StoreError::Corrupt(format!("generation {id}: {e}")))?;
    Ok(GenerationTables::new(id, Arc::new(manifest)))
}

/// A generation's position in each partition.
pub(super) async fn positions(
    db: &mut SqliteConnection,
    id: GenerationId,
) -> Result<Vec<Pos>, StoreError> {
    Ok(
        sqlx::query("select pos from position where generation = ?1 order by part")
            .bind(id)
            .fetch_all(db)
            .await?
            .iter()
            .map(|row| row.get(0))
            .collect(),
    )
}
