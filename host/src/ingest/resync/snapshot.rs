//! A fetched repository against the archive: what changed goes into the queue, in chunks.
//!
//! Guarantees: nothing is said before the tree is known to be whole, with every record it names; what the archive has
//! already is not said again; what the repository no longer has is said to be deleted. Memory is bounded by the tree's
//! depth and one page of the archive. Runs on a thread of its own.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::car_file::CarFile;
use super::error::ResyncError;
use crate::atproto::mst::{Walk, WalkError};
use crate::atproto::{Cid, Did, Nsid, RecordKey, Tid, cbor, syntax};
use crate::entry::{Action, Entry, Op, Records, RejectedOp, Trust, partition_of};
use crate::fault::crash;
use crate::ingest::scope::Scope;
use crate::limits;
use crate::queue::Queue;
use crate::store::{ArchivedRecord, Store};

/// What a snapshot is made with.
pub(super) struct SnapshotParts {
    pub(super) scope: Scope,
    pub(super) partitions: u16,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) store: Arc<dyn Store>,
    pub(super) stop: CancellationToken,
}

/// What a snapshot did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    /// Wanted records of the repository.
    pub(super) records: u64,
    /// Operations that were appended.
    pub(super) changed: u64,
}

/// Whether the tree is whole: every node and every record is in the CAR.
///
/// # Errors
/// When it is not, or is not a tree.
pub(super) fn check_whole(car: &CarFile, data: Cid) -> Result<(), ResyncError> {
    let mut walk = Walk::new(data, |cid: &Cid| car.block(cid)).map_err(of_walk)?;
    while let Some(leaf) = walk.next().map_err(of_walk)? {
        if !car.has(&leaf.record) {
            let path = String::from_utf8_lossy(leaf.key).into_owned();
            return Err(ResyncError::RecordAbsent { path });
        }
    }
    Ok(())
}

fn of_walk(error: WalkError<io::Error>) -> ResyncError {
    match error {
        WalkError::Tree(e) => e.into(),
        WalkError::Blocks(e) => e.into(),
        WalkError::Nodes => ResyncError::Blocks,
    }
}

/// Compares a whole repository with the archive and appends the difference.
pub(super) struct Snapshot<'a> {
    parts: &'a SnapshotParts,
    runtime: Handle,
    car: &'a CarFile,
    did: &'a Did,
    rev: Tid,
    ops: Vec<Op>,
    rejected: Vec<RejectedOp>,
    bytes: usize,
    done: Compared,
}

impl<'a> Snapshot<'a> {
    /// On the thread that is allowed to wait.
    pub(super) fn new(
        parts: &'a SnapshotParts,
        runtime: Handle,
        car: &'a CarFile,
        did: &'a Did,
        rev: Tid,
    ) -> Self {
        Self {
            parts,
            runtime,
            car,
            did,
            rev,
            ops: Vec::new(),
            rejected: Vec::new(),
            bytes: 0,
            done: Compared::default(),
        }
    }

    /// Goes through the tree, collection by collection: both sides are in the order of record keys.
    ///
    /// # Errors
    /// When the file, the store or the queue fails.
    pub(super) fn compare(mut self, data: Cid) -> Result<Compared, ResyncError> {
        let mut left: BTreeSet<Nsid> = self.archived_collections()?.into_iter().collect();
        let car = self.car;
        let mut walk = Walk::new(data, |cid: &Cid| car.block(cid)).map_err(of_walk)?;
        let mut archived: Option<Archived> = None;
        while let Some(leaf) = walk.next().map_err(of_walk)? {
            let Some((collection, rkey, cid)) = self.wanted(leaf.path(), leaf.record) else {
                continue;
            };
            if archived.as_ref().is_none_or(|a| a.collection != collection) {
                if let Some(done) = archived.take() {
                    self.delete_rest(done)?;
                }
                left.remove(&collection);
                archived = Some(Archived::new(collection));
            }
            if let Some(side) = &mut archived {
                self.record(side, rkey, cid)?;
            }
        }
        if let Some(done) = archived {
            self.delete_rest(done)?;
        }
        for collection in left {
            self.delete_rest(Archived::new(collection))?;
        }
        self.flush()?;
        Ok(self.done)
    }

    /// A path that somebody wants. One that is not a record's address is rejected alone.
    fn wanted(&mut self, path: Option<&str>, cid: Cid) -> Option<(Nsid, RecordKey, Cid)> {
        let path = path?;
        let collection = path.split_once('/').map_or(path, |(c, _)| c);
        if !self.parts.scope.wants(collection) {
            return None;
        }
        match syntax::split_path(path) {
            Ok((collection, rkey)) => Some((collection, rkey, cid)),
            Err(error) => {
                self.reject(path.to_owned(), error.to_string());
                None
            }
        }
    }

    fn record(
        &mut self,
        archived: &mut Archived,
        rkey: RecordKey,
        cid: Cid,
    ) -> Result<(), ResyncError> {
        self.done.records += 1;
        loop {
            match self.peek(archived)? {
                Some(old) if old.rkey.as_str() < rkey.as_str() => {
                    let gone = archived.next();
                    self.delete(&archived.collection.clone(), gone)?;
                }
                Some(old) if old.rkey == rkey => {
                    let same = old.cid == cid && old.trust >= Trust::Verified.as_i64();
                    archived.next();
                    return if same {
                        Ok(())
                    } else {
                        self.put(&archived.collection, rkey, cid)
                    };
                }
                _ => return self.put(&archived.collection, rkey, cid),
            }
        }
    }

    fn put(&mut self, collection: &Nsid, rkey: RecordKey, cid: Cid) -> Result<(), ResyncError> {
        let path = format!("{collection}/{rkey}");
        let Some(body) = self.car.block(&cid)? else {
            return Err(ResyncError::RecordAbsent { path });
        };
        if body.len() > limits::RECORD_BYTES_MAX {
            let max = limits::RECORD_BYTES_MAX;
            self.reject(
                path,
                format!(
                    "expected a record of at most {max} bytes, got {}",
                    body.len()
                ),
            );
            return Ok(());
        }
        if let Err(error) = cbor::check_one(&body) {
            self.reject(path, format!("the record is not DAG-CBOR: {error}"));
            return Ok(());
        }
        self.bytes += body.len();
        let action = Action::Put {
            cid,
            body: body.into(),
        };
        self.push(Op {
            collection: collection.clone(),
            rkey,
            action,
        })
    }

    fn delete(
        &mut self,
        collection: &Nsid,
        gone: Option<ArchivedRecord>,
    ) -> Result<(), ResyncError> {
        match gone {
            // A later commit set it: the snapshot does not know of it yet.
            Some(record) if record.rev <= self.rev => {
                let (collection, rkey) = (collection.clone(), record.rkey);
                self.push(Op {
                    collection,
                    rkey,
                    action: Action::Delete,
                })
            }
            _ => Ok(()),
        }
    }

    fn delete_rest(&mut self, mut archived: Archived) -> Result<(), ResyncError> {
        while self.peek(&mut archived)?.is_some() {
            let gone = archived.next();
            self.delete(&archived.collection.clone(), gone)?;
        }
        Ok(())
    }

    fn push(&mut self, op: Op) -> Result<(), ResyncError> {
        self.ops.push(op);
        self.done.changed += 1;
        let full =
            self.ops.len() >= limits::SNAPSHOT_OPS_MAX || self.bytes >= limits::SNAPSHOT_BYTES_MAX;
        if full { self.flush() } else { Ok(()) }
    }

    fn reject(&mut self, path: String, reason: String) {
        self.rejected.push(RejectedOp { path, reason });
    }

    fn flush(&mut self) -> Result<(), ResyncError> {
        if self.parts.stop.is_cancelled() {
            return Err(ResyncError::Stopped);
        }
        self.bytes = 0;
        if self.ops.is_empty() && self.rejected.is_empty() {
            return Ok(());
        }
        let records = Records {
            did: self.did.clone(),
            rev: self.rev,
            trust: Trust::Verified,
            ops: std::mem::take(&mut self.ops),
            rejected: std::mem::take(&mut self.rejected),
        };
        let partition = partition_of(self.did, self.parts.partitions);
        let append = self.parts.queue.append(partition, Entry::Records(records));
        self.runtime
            .block_on(append)
            .map_err(|e| ResyncError::Ingest(e.into()))?;
        crash::at(crash::SNAPSHOT);
        Ok(())
    }

    fn archived_collections(&self) -> Result<Vec<Nsid>, ResyncError> {
        let all = self
            .runtime
            .block_on(self.parts.store.archived_collections(self.did))?;
        // What nobody wants any more is not kept up, and not taken away either.
        Ok(all
            .into_iter()
            .filter(|c| self.parts.scope.wants(c.as_str()))
            .collect())
    }

    fn peek<'b>(
        &self,
        archived: &'b mut Archived,
    ) -> Result<Option<&'b ArchivedRecord>, ResyncError> {
        if archived.page.is_empty() && !archived.ended {
            let page = self.runtime.block_on(self.parts.store.archived_records(
                self.did,
                &archived.collection,
                archived.last.as_ref(),
                limits::SNAPSHOT_PAGE_ROWS,
            ))?;
            archived.ended = page.len() < limits::SNAPSHOT_PAGE_ROWS;
            archived.last = page.last().map(|r| r.rkey.clone()).or(archived.last.take());
            archived.page = page.into();
        }
        Ok(archived.page.front())
    }
}

/// One collection of the archive, page by page.
struct Archived {
    collection: Nsid,
    page: std::collections::VecDeque<ArchivedRecord>,
    last: Option<RecordKey>,
    ended: bool,
}

impl Archived {
    fn new(collection: Nsid) -> Self {
        Self {
            collection,
            page: std::collections::VecDeque::new(),
            last: None,
            ended: false,
        }
    }

    fn next(&mut self) -> Option<ArchivedRecord> {
        self.page.pop_front()
    }
}
