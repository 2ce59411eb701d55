//! Named reads as a plugin's method sees them.

use async_trait::async_trait;

use super::error::StoreError;
use super::rows::Value;

/// One read's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadPage {
    /// As the manifest's `returns` names them.
    pub columns: Vec<String>,
    /// Typed as the manifest's `returns` says.
    pub rows: Vec<Vec<Value>>,
}

/// A parameter: one value, or a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// One value.
    One(Value),
    /// A list for `x in ($1)`.
    Many(Vec<Value>),
}

/// One snapshot of one generation's tables; all reads of one call go through one session.
#[async_trait]
pub trait ReadSession: Send {
    /// Runs a named read. Parameters have been checked against the manifest's types.
    async fn run(&mut self, name: &str, params: Vec<Param>) -> Result<ReadPage, StoreError>;

    /// Visible records by address, one answer each.
    async fn records(
        &mut self,
        uris: &[crate::atproto::AtUri],
    ) -> Result<Vec<Option<super::archive::RecordRow>>, StoreError>;
}
