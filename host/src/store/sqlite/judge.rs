//! Registers a manifest in an empty database in memory, only to hear what is wrong with it: the verdict on a plugin's
//! reads is SQLite's, whatever database they will run on.
//!
//! Guarantees: the same manifest gets the same verdict in the same words on every backend, for here it follows from the
//! manifest alone. Leaves nothing behind.

use std::sync::Arc;

use aviary_manifest::Manifest;
use sqlx::Connection as _;

use super::{connection, generation, migrate};
use crate::store::error::StoreError;
use crate::store::rows::Registration;

/// Says what is wrong with a manifest's tables and reads.
///
/// # Errors
/// [`StoreError::Refused`] as [`crate::store::Store::register`] of a SQLite store has it.
pub(in crate::store) async fn judge(manifest: &Arc<Manifest>) -> Result<(), StoreError> {
    let mut c = connection::open_in_memory().await?;
    migrate::run(&mut c).await?;
    let registration = Registration {
        manifest: Arc::clone(manifest),
        digest: String::new(),
    };
    generation::register(&mut c, 1, &registration, 0).await?;
    c.close().await?;
    Ok(())
}
