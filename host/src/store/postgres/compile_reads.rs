//! The reads of a generation, checked and rewritten for Postgres when it registers.
//!
//! Guarantees: what SQLite refuses is refused here, in the same words (`docs/adr/0009-one-gate-for-two-databases.md`);
//! what is accepted was planned by this server as the generation's role.

use sqlx::PgConnection;

use super::plan;
use super::schema::GenerationTables;
use crate::store::error::StoreError;
use crate::store::gate::{self, Dialect};
use crate::store::reading::Reads;
use crate::store::sqlite;

/// Compiles and plans all reads in the caller's transaction, in which the tables are made; says what is wrong with
/// each.
///
/// # Errors
/// [`StoreError::Refused`]; the transaction cannot go on then.
pub(super) async fn compile_reads(
    c: &mut PgConnection,
    tables: &GenerationTables,
) -> Result<Reads, StoreError> {
    sqlite::judge(&tables.shape.manifest).await?;
    let schema = tables.gate_schema();
    let mut reads = Reads::new();
    let mut wrong = Vec::new();
    for read in &tables.shape.manifest.reads {
        let compiled = match gate::compile(read, &schema, Dialect::Postgres) {
            Ok(compiled) => compiled,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        match plan::check(c, &tables.names.role, &compiled).await {
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
