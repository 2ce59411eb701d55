//! A store that only reads, and counts who asks: rows come from its rules, not from a database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aviary::atproto::{AtUri, Cid, Tid};
use aviary::limits;
use aviary::store::partial::PartialStore;
use aviary::store::{GenerationId, Param, ReadPage, ReadSession, RecordRow, StoreError, Value};

/// What was asked of it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) sessions: AtomicU32,
    pub(super) reads: AtomicU32,
    pub(super) down: bool,
}

/// The store.
#[derive(Clone, Default)]
pub(super) struct Reading(pub(super) Arc<Asked>);

struct Session(Arc<Asked>);

#[async_trait::async_trait]
impl ReadSession for Session {
    async fn run(&mut self, name: &str, params: Vec<Param>) -> Result<ReadPage, StoreError> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let rows = match (name, &params[..]) {
            ("many", [Param::One(Value::Integer(n))]) => *n,
            ("all_of", [Param::One(Value::Uri(_)), Param::One(Value::Integer(n))]) => *n,
            other => panic!("parameters that no manifest declares: {other:?}"),
        };
        let limit = limits::READ_ROWS_MAX;
        if rows > i64::try_from(limit).unwrap() {
            return Err(StoreError::TooManyRows { limit });
        }
        Ok(ReadPage {
            columns: vec!["number".to_owned()],
            rows: (0..rows).map(|i| vec![Value::Integer(i)]).collect(),
        })
    }

    async fn records(&mut self, uris: &[AtUri]) -> Result<Vec<Option<RecordRow>>, StoreError> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let row = |uri: &AtUri| RecordRow {
            rkey: uri.rkey.clone(),
            cid: Cid::of_dag_cbor(b"\xa0"),
            rev: Tid::parse("3kaaaaaaaaa22").unwrap(),
            seen_us: 1,
            body: b"\xa0"[..].into(),
        };
        Ok(uris.iter().map(|uri| Some(row(uri))).collect())
    }
}

#[async_trait::async_trait]
impl PartialStore for Reading {
    async fn read(&self, _generation: GenerationId) -> Result<Box<dyn ReadSession>, StoreError> {
        if self.0.down {
            return Err(StoreError::Unavailable("down".to_owned()));
        }
        self.0.sessions.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Session(Arc::clone(&self.0))))
    }
}
