//! A store that only reads, and counts who asks: rows come from its rules, not from a database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aviary::atproto::{AtUri, Cid, Did, Nsid, RecordKey, Tid};
use aviary::entry::{Partition, Source};
use aviary::limits;
use aviary::store::{
    Applied, ArchiveUnit, Archived, DeadLetter, FeedBatch, FeedLimit, Generation, GenerationId,
    Heads, IndexUnit, Param, Pos, ReadPage, ReadSession, RecordRow, RedoStep, Registration,
    RepoPage, Store, StoreError, Value, Wants,
};

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
impl Store for Reading {
    async fn read(&self, _generation: GenerationId) -> Result<Box<dyn ReadSession>, StoreError> {
        if self.0.down {
            return Err(StoreError::Unavailable("down".to_owned()));
        }
        self.0.sessions.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Session(Arc::clone(&self.0))))
    }

    fn partitions(&self) -> u16 {
        1
    }
    async fn heads(&self) -> Result<Heads, StoreError> {
        Err(StoreError::Closed)
    }
    async fn saved_cursor(&self, _: &Source) -> Result<Option<i64>, StoreError> {
        Err(StoreError::Closed)
    }
    async fn archive(&self, _: ArchiveUnit) -> Result<Archived, StoreError> {
        Err(StoreError::Closed)
    }
    async fn redo_step(&self) -> Result<RedoStep, StoreError> {
        Err(StoreError::Closed)
    }
    async fn changes_after(
        &self,
        _: Partition,
        _: Pos,
        _: Wants<'_>,
        _: FeedLimit,
    ) -> Result<FeedBatch, StoreError> {
        Err(StoreError::Closed)
    }
    async fn register(&self, _: Registration) -> Result<Generation, StoreError> {
        Err(StoreError::Closed)
    }
    async fn index(&self, _: Arc<IndexUnit>) -> Result<Applied, StoreError> {
        Err(StoreError::Closed)
    }
    async fn positions(&self, _: GenerationId) -> Result<Vec<Pos>, StoreError> {
        Err(StoreError::Closed)
    }
    async fn dead_letters(&self, _: GenerationId, _: usize) -> Result<Vec<DeadLetter>, StoreError> {
        Err(StoreError::Closed)
    }
    async fn get_record(&self, _: &AtUri) -> Result<Option<RecordRow>, StoreError> {
        Err(StoreError::Closed)
    }
    async fn list_records(
        &self,
        _: &Did,
        _: &Nsid,
        _: Option<&RecordKey>,
        _: bool,
        _: usize,
    ) -> Result<Option<RepoPage>, StoreError> {
        Err(StoreError::Closed)
    }
    async fn trim_tombstones(&self, _: i64) -> Result<u64, StoreError> {
        Err(StoreError::Closed)
    }
    async fn close(&self) {}
}
