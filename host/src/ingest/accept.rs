//! One frame after another: read its number and account, send it through its lane, note how far the lanes are.
//! Shared by every source of frames.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bytes::Bytes;

use super::IngestError;
use super::lanes::{Flush, Item, Lanes, Origin, lowest};
use super::marks::Marks;
use crate::atproto::frame::{self, Frame};
use crate::atproto::{Did, Tid};
use crate::entry::Source;
use crate::fault::crash;
use crate::queue::Queue;
use crate::store::Store;
use crate::telemetry::{Counter, Counters};

/// What an intake works with.
#[derive(Clone)]
pub struct IntakeParts {
    /// Where frames go.
    pub lanes: Arc<Lanes>,
    /// Where marks go.
    pub queue: Arc<dyn Queue>,
    /// Asked which marks are durable.
    pub store: Arc<dyn Store>,
    /// Where it counts.
    pub counters: Arc<Counters>,
}

/// Where a source's frames go.
pub struct Intake {
    source: Source,
    parts: IntakeParts,
    marks: Marks,
    last_seq: Option<i64>,
    /// When the last event happened, as its rev says (us since 1970).
    last_time_us: Option<i64>,
    /// Where each lane says how far it is.
    lows: Vec<Arc<AtomicI64>>,
    /// Flushes whose mark is not known to be durable, with their seq.
    flushes: VecDeque<(u64, i64)>,
    flush: u64,
    durable: u64,
}

/// What a frame asks of its source.
#[derive(Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Go on.
    Next,
    /// It does not decode, and its seq is not passed: a new connection may bring a sound one under the same number.
    /// One that comes again is let go by [`Intake::pass`].
    Refused,
    /// The upstream no longer has what comes after our cursor, or its numbers jumped: events may be missing.
    Gap,
    /// The upstream said an error and will close.
    UpstreamError {
        /// Its name, such as `FutureCursor`.
        name: String,
    },
}

impl Intake {
    /// An intake for one source. `cursor`: the last seq that is already durable.
    #[must_use]
    pub fn new(source: Source, partitions: u16, cursor: Option<i64>, parts: IntakeParts) -> Self {
        let lows = (0..parts.lanes.count()).map(|_| Arc::new(AtomicI64::new(0)));
        Self {
            marks: Marks::new(source.clone(), partitions),
            source,
            lows: lows.collect(),
            parts,
            last_seq: cursor,
            last_time_us: None,
            flushes: VecDeque::new(),
            flush: 0,
            durable: 0,
        }
    }

    /// The last seq that was sent on or needed no sending: where a reconnect continues.
    #[must_use]
    pub fn last_seq(&self) -> Option<i64> {
        self.last_seq
    }

    /// When the last event happened, as its rev says (us since 1970); none when it had no rev.
    #[must_use]
    pub fn last_time_us(&self) -> Option<i64> {
        self.last_time_us
    }

    /// Goes on with another source, after [`Self::finish`]. `cursor` as with [`Self::new`].
    #[must_use]
    pub fn switch(self, source: Source, partitions: u16, cursor: Option<i64>) -> Self {
        let (flush, durable) = (self.flush, self.durable);
        // Lanes count flushes over all sources: a number that begins anew would keep them from forgetting.
        Self {
            flush,
            durable,
            ..Self::new(source, partitions, cursor, self.parts)
        }
    }

    /// Takes one frame. `at` names it in the log: a byte offset, or a count on this connection.
    ///
    /// # Errors
    /// When the queue is closed, or a lane failed. A bad frame is not an error: it is counted.
    pub async fn accept(&mut self, message: Bytes, at: u64) -> Result<Accepted, IngestError> {
        crash::at(crash::RECEIVED);
        self.parts.counters.add(Counter::Frames, 1);
        let about = match Frame::decode(&message) {
            Ok(frame) => match about(&frame) {
                Ok(about) => about,
                Err(accepted) => {
                    self.count_unnumbered(&accepted);
                    return Ok(accepted);
                }
            },
            Err(error) => {
                self.parts.counters.reject("frame");
                let hint = frame::hint(&message);
                tracing::warn!(at, seq = hint.seq, did = ?hint.did, %error, "ingest.frame_refused: a frame does not decode");
                return Ok(Accepted::Refused);
            }
        };
        let About { seq, did, time_us } = about;
        let jumped = match self.last_seq {
            Some(last) if seq < last => {
                self.parts.counters.add(Counter::FramesRepeated, 1);
                return Ok(Accepted::Next);
            }
            // The same number again may be the sound form of what the lane refused; it knows what it has.
            // From 0 on is "all that you have", wherever that begins.
            Some(last) => last > 0 && seq - last > crate::limits::SEQ_JUMP_MAX,
            None => false,
        };
        let room = self.parts.lanes.room(message.len()).await?;
        let origin = Origin {
            source: self.source.clone(),
            seq,
            at,
        };
        self.parts
            .lanes
            .send(
                &did,
                Item::Frame {
                    message,
                    origin,
                    room,
                },
            )
            .await?;
        self.last_time_us = time_us;
        self.note(seq).await?;
        Ok(if jumped {
            Accepted::Gap
        } else {
            Accepted::Next
        })
    }

    /// Lets a frame go that does not decode: its account, as far as it can be told, is marked.
    ///
    /// # Errors
    /// See [`Self::accept`].
    pub async fn pass(&mut self, message: &[u8], at: u64) -> Result<(), IngestError> {
        let hint = frame::hint(message);
        let Some(seq) = hint
            .seq
            .filter(|seq| self.last_seq.is_none_or(|last| *seq > last))
        else {
            return Ok(());
        };
        if let Some(did) = hint.did {
            let origin = Origin {
                source: self.source.clone(),
                seq,
                at,
            };
            let reason = "a frame of this account did not decode".to_owned();
            self.parts
                .lanes
                .send(&did, Item::Broken { origin, reason })
                .await?;
        }
        self.note(seq).await
    }

    /// Appends marks when it is time; called while nothing comes, too, for a quiet upstream must not hold back the
    /// saved cursor.
    ///
    /// # Errors
    /// See [`Self::accept`].
    pub async fn flush(&mut self) -> Result<(), IngestError> {
        let Some(seq) = self.last_seq else {
            return Ok(());
        };
        if let Some(low) = lowest(&self.lows) {
            self.marks.append(low, &*self.parts.queue).await?;
            self.learn_durable().await;
        }
        self.marks.asked();
        self.flush += 1;
        self.flushes.push_back((self.flush, seq));
        let (source, lows, number, durable) = (&self.source, &self.lows, self.flush, self.durable);
        let flush = |lane: usize| Flush {
            source: source.clone(),
            seq,
            low: Arc::clone(&lows[lane]),
            number,
            durable,
        };
        self.parts.lanes.flush(flush).await
    }

    /// Appends the last marks: everything that was accepted is in the queue, or held and not covered by them.
    ///
    /// # Errors
    /// See [`Self::accept`].
    pub async fn finish(&mut self) -> Result<(), IngestError> {
        self.flush().await?;
        self.parts.lanes.settle().await?;
        if let Some(low) = lowest(&self.lows) {
            self.marks.append(low, &*self.parts.queue).await?;
        }
        Ok(())
    }

    async fn note(&mut self, seq: i64) -> Result<(), IngestError> {
        self.last_seq = Some(seq);
        self.marks.event();
        if self.marks.is_due() {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// What the store has of our marks; lanes may forget what is older. Not knowing only delays that.
    async fn learn_durable(&mut self) {
        let Ok(Some(saved)) = self.parts.store.saved_cursor(&self.source).await else {
            return;
        };
        while let Some((number, _)) = self.flushes.pop_front_if(|(_, seq)| *seq <= saved) {
            self.durable = number;
        }
    }

    fn count_unnumbered(&self, accepted: &Accepted) {
        let counter = match accepted {
            Accepted::Gap => Counter::Infos,
            Accepted::Next => Counter::FramesUnknown,
            Accepted::Refused | Accepted::UpstreamError { .. } => return,
        };
        self.parts.counters.add(counter, 1);
    }
}

/// What every numbered frame has.
struct About {
    seq: i64,
    did: Did,
    /// When its rev was made (us since 1970); none without a rev.
    time_us: Option<i64>,
}

impl About {
    fn new(seq: i64, did: &Did, rev: Option<&Tid>) -> Self {
        Self {
            seq,
            did: did.clone(),
            time_us: rev.map(Tid::time_us),
        }
    }
}

/// A frame's number and account; or what to do about one that has none.
fn about(frame: &Frame<'_>) -> Result<About, Accepted> {
    match frame {
        Frame::Commit(f) => Ok(About::new(f.seq, &f.repo, Some(&f.rev))),
        Frame::Sync(f) => Ok(About::new(f.seq, &f.did, Some(&f.rev))),
        Frame::Identity(f) => Ok(About::new(f.seq, &f.did, None)),
        Frame::Account(f) => Ok(About::new(f.seq, &f.did, None)),
        Frame::Info { name, message } => {
            tracing::warn!(
                name,
                message,
                "ingest.info: the upstream says something about the stream"
            );
            Err(Accepted::Gap)
        }
        Frame::Error { error, message } => {
            tracing::error!(
                error,
                message,
                "ingest.upstream_error: the upstream ends the stream"
            );
            Err(Accepted::UpstreamError {
                name: (*error).to_owned(),
            })
        }
        Frame::Unknown { op, t } => {
            tracing::debug!(
                op,
                t,
                "ingest.unknown: a kind of frame that this version does not know"
            );
            Err(Accepted::Next)
        }
    }
}
