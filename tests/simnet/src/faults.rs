//! Faults that tests inject, and the proof that they fired.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::frame::{self, Frame};
use crate::{Result, limits};

/// What can be made to go wrong on the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Fault {
    /// A binary message that is not CBOR, between two frames.
    Garbage,
    /// The same frame twice.
    Duplicate,
    /// A message one byte over the protocol's limit, between two frames.
    Oversize,
    /// A text message, between two frames.
    Text,
    /// A frame of a type that no lexicon knows, between two frames.
    UnknownType,
    /// An error frame, then the end of the connection.
    ErrorFrame,
    /// A commit whose CAR ends in the middle of its last block.
    CutCar,
    /// A commit whose last block does not hash to its CID.
    FlippedBlock,
    /// The end of a connection, with a close message, after so many frames of that connection.
    Close,
    /// The end of every connection, without a word.
    Drop,
    /// A connection that is open and says nothing, not even pong.
    Silence,
    /// An event that happens and is never published: a gap in seq and in the account's commits.
    Lost,
    /// A connection that starts after events that are no longer kept, and is not told so.
    SilentGap,
    /// A forged commit, see [`World::forge`](crate::World::forge).
    Forged,
}

const FAULTS: usize = Fault::Forged as usize + 1;

/// The knobs and the counters. All of it may be changed while the network runs.
#[derive(Debug)]
pub struct Faults {
    every: [AtomicU64; FAULTS],
    seen: [AtomicU64; FAULTS],
    fired: [AtomicU64; FAULTS],
    in_place: AtomicBool,
    silent_gap: AtomicBool,
    /// By DID, how many of its next commits are not published.
    withheld: Mutex<BTreeMap<String, u64>>,
    silent: watch::Sender<bool>,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            every: Default::default(),
            seen: Default::default(),
            fired: Default::default(),
            in_place: AtomicBool::new(false),
            silent_gap: AtomicBool::new(false),
            withheld: Mutex::default(),
            silent: watch::Sender::new(false),
        }
    }
}

/// A message instead of, or beside, a frame.
pub(crate) enum Sent {
    Binary(Bytes),
    Text(&'static str),
    /// The last message of the connection.
    Last(Bytes),
}

impl Faults {
    /// Injects `fault` at every `n`-th frame that is sent, over all connections; 0 is never.
    /// [`Fault::CutCar`] and [`Fault::FlippedBlock`] count commits only; [`Fault::Close`] counts each
    /// connection's frames. [`Fault::Drop`], [`Fault::Silence`], [`Fault::Lost`], [`Fault::SilentGap`]
    /// and [`Fault::Forged`] have knobs of their own and ignore this one.
    pub fn every(&self, fault: Fault, n: u64) {
        self.every[fault as usize].store(n, Ordering::Relaxed);
    }

    /// Closes every connection after `n` frames of it; 0 is never.
    pub fn close_after(&self, n: u64) {
        self.every(Fault::Close, n);
    }

    /// Whether a damaged commit takes the place of the sound one. By default the sound one follows
    /// it, under the same seq, so that a consumer that refuses the damaged one misses nothing.
    pub fn in_place(&self, in_place: bool) {
        self.in_place.store(in_place, Ordering::Relaxed);
    }

    /// While set, connections are accepted and nothing is sent or read on any of them.
    pub fn silence(&self, silent: bool) {
        self.silent.send_replace(silent);
    }

    /// While set, a cursor that is too old is answered with the oldest event that is kept and not with
    /// `OutdatedCursor` before it, as some relays do.
    pub fn silent_gap(&self, silent: bool) {
        self.silent_gap.store(silent, Ordering::Relaxed);
    }

    /// Does not publish the next `commits` commits of an account ([`Fault::Lost`]); 0 takes that back.
    pub fn withhold_commits(&self, did: &str, commits: u64) {
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        withheld.insert(did.to_owned(), commits);
    }

    /// How often `fault` was injected.
    pub fn fired(&self, fault: Fault) -> u64 {
        self.fired[fault as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, fault: Fault) {
        self.fired[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a frame is not to be published; counts it if so.
    pub(crate) fn withholds(&self, frame: &Frame) -> bool {
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        let did = frame.news.as_ref().map(|news| &news.did);
        let left = did.and_then(|did| withheld.get_mut(did));
        let left = left.filter(|left| frame.kind == "#commit" && **left > 0);
        let withholds = left.map(|left| *left -= 1).is_some();
        if withholds {
            self.count(Fault::Lost);
        }
        withholds
    }

    /// Whether a consumer of an outdated cursor hears of it; counts it if not.
    pub(crate) fn tells_of_gap(&self) -> bool {
        let silent = self.silent_gap.load(Ordering::Relaxed);
        if silent {
            self.count(Fault::SilentGap);
        }
        !silent
    }

    pub(crate) fn silenced(&self) -> watch::Receiver<bool> {
        self.silent.subscribe()
    }

    /// Whether a connection that has sent `frames` frames is to be closed now; counts it if so.
    pub(crate) fn closes_after(&self, frames: u64) -> bool {
        let n = self.every[Fault::Close as usize].load(Ordering::Relaxed);
        let closes = n > 0 && frames >= n;
        if closes {
            self.count(Fault::Close);
        }
        closes
    }

    /// What goes out for `frame`, in order.
    pub(crate) fn messages(&self, frame: &Frame) -> Result<Vec<Sent>> {
        let mut out = Vec::with_capacity(1);
        if self.due(Fault::Garbage) {
            out.push(Sent::Binary(Bytes::from_static(b"\xff\x00not a frame\xfe")));
        }
        if self.due(Fault::Oversize) {
            out.push(Sent::Binary(oversize()?));
        }
        if self.due(Fault::Text) {
            out.push(Sent::Text("this stream is binary"));
        }
        if self.due(Fault::UnknownType) {
            out.push(Sent::Binary(frame::unknown()?));
        }
        if frame.forged {
            self.count(Fault::Forged);
        }
        out.extend(frame.before.clone().map(Sent::Binary));
        let damaged = self.damaged(frame)?;
        let replaced = !damaged.is_empty() && self.in_place.load(Ordering::Relaxed);
        out.extend(damaged.into_iter().map(Sent::Binary));
        if !replaced {
            out.push(Sent::Binary(frame.bytes.clone()));
        }
        if self.due(Fault::Duplicate) {
            out.push(Sent::Binary(frame.bytes.clone()));
        }
        if self.due(Fault::ErrorFrame) {
            out.push(Sent::Last(frame::error(
                "InternalServerError",
                "an injected error",
            )?));
        }
        Ok(out)
    }

    fn damaged(&self, frame: &Frame) -> Result<Vec<Bytes>> {
        let Some(car) = frame.car.clone().filter(|_| frame.kind == "#commit") else {
            return Ok(Vec::new());
        };
        let mut damaged = Vec::new();
        if self.due(Fault::CutCar) {
            // Ten bytes are less than the last block, which is a signed commit or more.
            damaged.push(frame::with_car(
                frame,
                &frame.bytes[car.start..car.end - 10],
            )?);
        }
        if self.due(Fault::FlippedBlock) {
            let mut bytes = frame.bytes.to_vec();
            bytes[car.end - 1] ^= 0x01;
            damaged.push(bytes.into());
        }
        Ok(damaged)
    }

    /// Counts an occasion for `fault`, and the fault when it is its turn.
    fn due(&self, fault: Fault) -> bool {
        let n = self.every[fault as usize].load(Ordering::Relaxed);
        if n == 0 {
            return false;
        }
        let occasion = self.seen[fault as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let due = occasion.is_multiple_of(n);
        if due {
            self.count(fault);
        }
        due
    }
}

/// An `#info` message that is valid but for its size.
fn oversize() -> Result<Bytes> {
    let around = frame::info("Large", "")?.len();
    // The length of a text of that size takes four bytes more than that of an empty one.
    let filler = "x".repeat(limits::FRAME_BYTES_MAX + 1 - around - 4);
    frame::info("Large", &filler)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, World};

    fn commit() -> Frame {
        let mut world = World::new(&Config::default()).unwrap();
        std::iter::repeat_with(|| world.next_frame().unwrap())
            .find(|frame| frame.kind == "#commit")
            .unwrap()
    }

    #[test]
    fn an_oversize_message_is_one_byte_over() {
        assert_eq!(oversize().unwrap().len(), limits::FRAME_BYTES_MAX + 1);
    }

    #[test]
    fn every_third_means_every_third() {
        let (faults, frame) = (Faults::default(), commit());
        faults.every(Fault::Garbage, 3);
        let sent: Vec<usize> = (0..6)
            .map(|_| faults.messages(&frame).unwrap().len())
            .collect();
        assert_eq!(sent, [1, 1, 2, 1, 1, 2]);
        assert_eq!(faults.fired(Fault::Garbage), 2);
    }

    #[test]
    fn a_flipped_block_differs_in_one_bit_and_a_cut_car_is_still_a_frame() {
        let (faults, frame) = (Faults::default(), commit());
        faults.every(Fault::FlippedBlock, 1);
        faults.every(Fault::CutCar, 1);
        faults.in_place(true);
        let sent = faults.messages(&frame).unwrap();
        let [Sent::Binary(cut), Sent::Binary(flipped)] = sent.as_slice() else {
            panic!("expected two messages in place of the frame")
        };
        let differ = flipped
            .iter()
            .zip(&frame.bytes)
            .filter(|(a, b)| a != b)
            .count();
        assert_eq!((flipped.len(), differ), (frame.bytes.len(), 1));
        // The CBOR around the CAR stays whole: only the CAR is damaged.
        let mut decoder = shrike::cbor::Decoder::new(cut);
        decoder.decode().unwrap();
        let payload = decoder.decode().unwrap();
        assert!(decoder.is_empty());
        let shrike::cbor::Value::Map(entries) = payload else {
            panic!("expected a map")
        };
        let car = entries.iter().find(|(key, _)| *key == "blocks").unwrap();
        let shrike::cbor::Value::Bytes(car) = &car.1 else {
            panic!("expected bytes")
        };
        assert!(shrike::car::read_slice(car).is_err());
    }
}
