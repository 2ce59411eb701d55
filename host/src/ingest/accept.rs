//! One frame after another: decode, decide, append, note for the cursor. Shared by every source of frames.

use std::sync::Arc;

use super::IngestError;
use super::commit;
use super::marks::Marks;
use super::scope::Scope;
use crate::atproto::frame::{self, Frame};
use crate::atproto::{Did, Tid};
use crate::entry::{AccountEvent, Desync, Entry, IdentityEvent, Source, partition_of};
use crate::queue::Queue;
use crate::telemetry::{Counter, Counters};

/// Where a source's frames go.
pub struct Intake {
    source: Source,
    scope: Scope,
    partitions: u16,
    queue: Arc<dyn Queue>,
    counters: Arc<Counters>,
    marks: Marks,
    last_seq: Option<i64>,
}

/// What a frame asks of its source.
#[derive(Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Go on.
    Next,
    /// Counted and dropped. Its seq is not passed: upstream may send a sound one under the same number.
    Refused,
    /// The upstream said an error and will close.
    UpstreamError {
        /// Its name, such as `FutureCursor`.
        name: String,
    },
}

impl Intake {
    /// An intake for one source. `cursor`: the last seq that is already durable.
    pub fn new(
        source: Source,
        scope: Scope,
        partitions: u16,
        queue: Arc<dyn Queue>,
        counters: Arc<Counters>,
        cursor: Option<i64>,
    ) -> Self {
        Self {
            marks: Marks::new(source.clone(), partitions),
            source,
            scope,
            partitions,
            queue,
            counters,
            last_seq: cursor,
        }
    }

    /// The last seq that was handed on or needed no handing on: where a reconnect continues.
    #[must_use]
    pub fn last_seq(&self) -> Option<i64> {
        self.last_seq
    }

    /// Takes one frame. `at` names it in the log: a byte offset, or a count on this connection.
    ///
    /// # Errors
    /// When the queue is closed. A bad frame is not an error: it is counted.
    pub async fn accept(&mut self, message: &[u8], at: u64) -> Result<Accepted, IngestError> {
        self.counters.add(Counter::Frames, 1);
        let frame = match Frame::decode(message) {
            Ok(frame) => frame,
            Err(error) => {
                self.counters.reject("frame");
                let hint = frame::hint(message);
                tracing::warn!(at, seq = hint.seq, did = ?hint.did, %error, "ingest.frame_refused: a frame does not decode");
                if let (Some(did), Some(seq)) = (hint.did, hint.seq) {
                    let reason = format!("a frame did not decode: {error}");
                    self.desync(did, None, seq, reason).await?;
                }
                return Ok(Accepted::Refused);
            }
        };
        let seq = frame.seq();
        if let Some(seq) = seq
            && self.last_seq.is_some_and(|last| seq <= last)
        {
            self.counters.add(Counter::FramesRepeated, 1);
            return Ok(Accepted::Next);
        }
        let accepted = self.hand_on(frame, at).await?;
        if let Some(seq) = seq
            && accepted == Accepted::Next
        {
            self.last_seq = Some(seq);
            self.marks.appended(seq);
        }
        self.marks.if_due(&*self.queue).await?;
        Ok(accepted)
    }

    async fn hand_on(&mut self, frame: Frame<'_>, at: u64) -> Result<Accepted, IngestError> {
        match frame {
            Frame::Commit(c) => match commit::read(&c, &self.scope, &self.source) {
                Ok(Some(commit)) => {
                    self.counters.add(Counter::Ops, commit.ops.len() as u64);
                    self.counters
                        .add(Counter::OpsRejected, commit.rejected.len() as u64);
                    self.append(Entry::Commit(commit)).await?;
                }
                Ok(None) => self.counters.add(Counter::CommitsOutOfScope, 1),
                Err(error) => {
                    self.counters.reject(error.reason());
                    let did = &c.repo;
                    tracing::warn!(at, seq = c.seq, %did, %error, "ingest.commit_refused: a commit cannot be used");
                    self.desync(c.repo, Some(c.rev), c.seq, error.to_string())
                        .await?;
                    return Ok(Accepted::Refused);
                }
            },
            Frame::Sync(s) => {
                let reason = format!("#sync announced rev {}", s.rev);
                self.desync(s.did, Some(s.rev), s.seq, reason).await?;
            }
            Frame::Identity(i) => {
                let event = IdentityEvent {
                    did: i.did,
                    handle: i.handle.map(str::to_owned),
                    source: self.source.clone(),
                    seq: i.seq,
                };
                self.append(Entry::Identity(event)).await?;
            }
            Frame::Account(a) => {
                let event = AccountEvent {
                    did: a.did,
                    active: a.active,
                    status: a.status.map(str::to_owned),
                    source: self.source.clone(),
                    seq: a.seq,
                };
                self.append(Entry::Account(event)).await?;
            }
            Frame::Info { name, message } => {
                self.counters.add(Counter::Infos, 1);
                tracing::warn!(
                    name,
                    message,
                    "ingest.info: the upstream says something about the stream"
                );
            }
            Frame::Error { error, message } => {
                tracing::error!(
                    error,
                    message,
                    "ingest.upstream_error: the upstream ends the stream"
                );
                let name = error.to_owned();
                return Ok(Accepted::UpstreamError { name });
            }
            Frame::Unknown { op, t } => {
                self.counters.add(Counter::FramesUnknown, 1);
                tracing::debug!(
                    op,
                    t,
                    "ingest.unknown: a kind of frame that this version does not know"
                );
            }
        }
        Ok(Accepted::Next)
    }

    async fn desync(
        &self,
        did: Did,
        rev: Option<Tid>,
        seq: i64,
        reason: String,
    ) -> Result<(), IngestError> {
        let source = self.source.clone();
        let desync = Desync {
            did,
            reason,
            rev,
            source,
            seq,
        };
        self.append(Entry::Desync(desync)).await
    }

    async fn append(&self, entry: Entry) -> Result<(), IngestError> {
        let partition = entry
            .did()
            .map_or(0, |did| partition_of(did, self.partitions));
        Ok(self.queue.append(partition, entry).await?)
    }

    /// Appends marks for what was handed on so far. Call it when nothing comes for a while, and at the end.
    ///
    /// # Errors
    /// When the queue is closed.
    pub async fn flush(&mut self) -> Result<(), IngestError> {
        Ok(self.marks.flush(&*self.queue).await?)
    }
}
