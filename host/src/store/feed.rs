//! The change feed: the archive read in pos order, recent changes from memory and older ones from the store.
//!
//! Guarantees: after a batch that ends at `through`, nothing at or below `through` is missing; a batch is never cut
//! inside a pos; of a record that changed several times only its latest state has to appear.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid, cbor, json};
use crate::entry::Partition;

mod batching;
mod ring;

pub(in crate::store) use batching::Batching;
pub use batching::FeedLimit;
pub use ring::{Feed, Wants};

/// A commit's number in its partition: dense, from 1.
pub type Pos = i64;

/// The latest state of one record at one pos.
#[derive(Debug)]
pub struct Change {
    /// The partition of its account.
    pub partition: Partition,
    /// The pos that set this state.
    pub pos: Pos,
    /// The record's interned id.
    pub record_id: i64,
    /// The account's interned id.
    pub did_id: i64,
    /// Whose record.
    pub did: Did,
    /// Its collection.
    pub collection: Nsid,
    /// Its key.
    pub rkey: RecordKey,
    /// What it is now.
    pub state: ChangeState,
    json: OnceLock<Result<Arc<str>, String>>,
}

/// What a record is now.
#[derive(Debug)]
pub enum ChangeState {
    /// It has content.
    Live {
        /// The commit that set it.
        rev: Tid,
        /// The content's CID.
        cid: Cid,
        /// When this version was first seen, microseconds since 1970.
        seen_us: i64,
        /// DAG-CBOR.
        body: Bytes,
    },
    /// It is gone.
    Deleted,
}

/// Some changes of one partition.
#[derive(Clone, Debug, Default)]
pub struct FeedBatch {
    /// In pos order.
    pub changes: Vec<Arc<Change>>,
    /// The last pos that this batch covers.
    pub through: Pos,
}

impl Change {
    /// A change whose JSON has not been asked for.
    #[must_use]
    pub fn new(at: (Partition, Pos), ids: (i64, i64), uri: AtUri, state: ChangeState) -> Self {
        let AtUri {
            did,
            collection,
            rkey,
        } = uri;
        Self {
            partition: at.0,
            pos: at.1,
            record_id: ids.0,
            did_id: ids.1,
            did,
            collection,
            rkey,
            state,
            json: OnceLock::new(),
        }
    }

    /// The record's address.
    #[must_use]
    pub fn uri(&self) -> AtUri {
        AtUri {
            did: self.did.clone(),
            collection: self.collection.clone(),
            rkey: self.rkey.clone(),
        }
    }

    /// The body as atproto JSON, made once and shared by all plugins; `None` when the record is gone.
    ///
    /// # Errors
    /// When the body is not DAG-CBOR of the atproto data model.
    pub fn json(&self) -> Result<Option<Arc<str>>, String> {
        let ChangeState::Live { body, .. } = &self.state else {
            return Ok(None);
        };
        self.json
            .get_or_init(|| to_json(body).map_err(|e| e.to_string()))
            .clone()
            .map(Some)
    }

    /// What the change costs in memory (bytes, approximate; counts the JSON that may come).
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const FIXED_BYTES: usize = 320;
        match &self.state {
            ChangeState::Live { body, .. } => FIXED_BYTES + 3 * body.len(),
            ChangeState::Deleted => FIXED_BYTES,
        }
    }
}

fn to_json(body: &[u8]) -> Result<Arc<str>, cbor::CborError> {
    let mut text = String::with_capacity(body.len() * 2);
    json::write(body, &mut text)?;
    Ok(text.into())
}
