//! `aviary status`: what a store says about itself and its hosts, asked without taking part.

use anyhow::Context;

use crate::config::{Settings, StoreUrl};
use crate::store::overview::Overview;
use crate::store::{postgres, sqlite};

/// Reads the overview of the settings' store; it is not changed.
///
/// # Errors
/// When there is none, or it does not answer.
pub async fn status(settings: &Settings) -> anyhow::Result<Overview> {
    let overview = match &settings.store {
        StoreUrl::Sqlite(path) => {
            anyhow::ensure!(path.is_file(), "{}: there is no such file", path.display());
            sqlite::overview(path).await
        }
        StoreUrl::Postgres { url, schema } => postgres::overview(url, schema).await,
    };
    overview.with_context(|| format!("cannot read {}", settings.store))
}
