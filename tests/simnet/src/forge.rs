//! Forged commits: what a relay or somebody in between can make of a sound one.
//!
//! Whatever is forged, the rest is honest: every block hashes to its CID, the CAR's root and the
//! frame's `commit` are the commit block, and a rev or a tree that is wrong is signed by the
//! account's own key. So a consumer that refuses a forgery has found just that.

mod object;

use shrike::car::read_slice;
use shrike::cbor::{Cid, Codec};
use shrike::crypto::SigningKey;
use shrike::syntax::Tid;

use crate::car::Car;
use crate::commit::{Commit, Envelope, Op};
use crate::keys::Key;
use crate::{Error, Result};

/// What is wrong with a forged commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forgery {
    /// One bit of the signature differs.
    FlippedSignature,
    /// The signature's twin with a high S.
    HighS,
    /// The right signature in DER.
    Der,
    /// Signed by another account of the same curve.
    ForeignKey,
    /// Signed by a key of the other curve.
    OtherCurve,
    /// The first operation is left out of the list.
    HiddenOp,
    /// An operation is in the list, and its record in the slice, that the tree does not have.
    InventedOp,
    /// The first operation names the second one's record.
    SwappedCid,
    /// `prevData` names a tree that never was.
    PrevData,
    /// There is no `prevData`.
    NoPrevData,
    /// `since` names a revision that never was.
    Since,
    /// The frame's `rev` is not the signed one.
    EnvelopeRev,
    /// The frame's `repo` is another account.
    EnvelopeRepo,
    /// The signed rev lies ten minutes ahead of the world's clock.
    FutureRev,
    /// The signed rev is that of the commit before.
    EqualRev,
    /// The signed rev lies a second before that of the commit before.
    LowerRev,
    /// The signed rev is no TID.
    NotATid,
    /// The slice lacks the first record.
    MissingRecord,
}

impl Forgery {
    /// Every one of them.
    pub const ALL: [Forgery; 18] = [
        Forgery::FlippedSignature,
        Forgery::HighS,
        Forgery::Der,
        Forgery::ForeignKey,
        Forgery::OtherCurve,
        Forgery::HiddenOp,
        Forgery::InventedOp,
        Forgery::SwappedCid,
        Forgery::PrevData,
        Forgery::NoPrevData,
        Forgery::Since,
        Forgery::EnvelopeRev,
        Forgery::EnvelopeRepo,
        Forgery::FutureRev,
        Forgery::EqualRev,
        Forgery::LowerRev,
        Forgery::NotATid,
        Forgery::MissingRecord,
    ];

    /// Whether a commit has what this takes.
    pub(crate) fn fits(self, commit: &Commit) -> bool {
        let first = commit.ops.first().and_then(|op| op.cid);
        let second = commit.ops.get(1).and_then(|op| op.cid);
        match self {
            Forgery::HiddenOp => !commit.ops.is_empty(),
            Forgery::SwappedCid => first.is_some() && second.is_some() && first != second,
            Forgery::MissingRecord => first.is_some(),
            Forgery::PrevData
            | Forgery::NoPrevData
            | Forgery::Since
            | Forgery::EqualRev
            | Forgery::LowerRev => commit.since.is_some(),
            _ => true,
        }
    }
}

/// What a forger has at hand beside the commit.
pub(crate) struct Means<'a> {
    pub(crate) did: &'a str,
    pub(crate) key: &'a Key,
    /// Another key of the same curve, and whose it is.
    pub(crate) stranger: &'a Key,
    pub(crate) stranger_did: &'a str,
    /// A key of the other curve.
    pub(crate) other_curve: &'a Key,
    /// A path without a record, and a record for it.
    pub(crate) invented: (String, Vec<u8>),
    pub(crate) now_us: u64,
}

/// The forged form of `commit`, which must fit.
pub(crate) fn forge(kind: Forgery, commit: &Commit, means: &Means<'_>) -> Result<Envelope> {
    let mut forged = Envelope::of(means.did, commit);
    match kind {
        Forgery::FlippedSignature
        | Forgery::HighS
        | Forgery::Der
        | Forgery::ForeignKey
        | Forgery::OtherCurve => {
            let unsigned = object::encode(means.did, &forged.rev, None, &commit.data)?;
            let signature = signature(kind, &unsigned, means)?;
            let block = object::encode(means.did, &forged.rev, Some(&signature), &commit.data)?;
            replace_commit(&mut forged, &block)?;
        }
        Forgery::FutureRev | Forgery::EqualRev | Forgery::LowerRev | Forgery::NotATid => {
            forged.rev = rev(kind, commit, means.now_us)?;
            let unsigned = object::encode(means.did, &forged.rev, None, &commit.data)?;
            let signature = *means.key.signing().sign(&unsigned)?.as_bytes();
            let block = object::encode(means.did, &forged.rev, Some(&signature), &commit.data)?;
            replace_commit(&mut forged, &block)?;
        }
        Forgery::HiddenOp => drop(forged.ops.remove(0)),
        Forgery::InventedOp => {
            let (path, record) = means.invented.clone();
            let cid = Cid::compute(Codec::Drisl, &record);
            change_blocks(&mut forged, None, Some((cid, &record)))?;
            forged.ops.push(Op {
                path,
                cid: Some(cid),
                prev: None,
            });
        }
        Forgery::SwappedCid => forged.ops[0].cid = forged.ops[1].cid,
        Forgery::PrevData => {
            forged.prev_data = Some(Cid::compute(Codec::Drisl, b"a tree that never was"));
        }
        Forgery::NoPrevData => forged.prev_data = None,
        Forgery::Since => {
            forged.since = commit.since.map(|since| near(since, -7)).transpose()?;
        }
        Forgery::EnvelopeRev => forged.rev = near(commit.rev, 1)?,
        Forgery::EnvelopeRepo => means.stranger_did.clone_into(&mut forged.repo),
        Forgery::MissingRecord => {
            let record = forged.ops.first().and_then(|op| op.cid);
            change_blocks(&mut forged, record, None)?;
        }
    }
    Ok(forged)
}

fn signature(kind: Forgery, unsigned: &[u8], means: &Means<'_>) -> Result<Vec<u8>> {
    let by = |key: &dyn SigningKey| -> Result<[u8; 64]> { Ok(*key.sign(unsigned)?.as_bytes()) };
    let mut right = by(means.key.signing())?;
    Ok(match kind {
        Forgery::ForeignKey => by(means.stranger.signing())?.to_vec(),
        Forgery::OtherCurve => by(means.other_curve.signing())?.to_vec(),
        Forgery::HighS => object::high_s(&right, means.key.curve()).to_vec(),
        Forgery::Der => object::der(&right),
        _ => {
            right[40] ^= 0x10;
            right.to_vec()
        }
    })
}

fn rev(kind: Forgery, commit: &Commit, now_us: u64) -> Result<String> {
    const TEN_MINUTES_US: u64 = 600_000_000;
    let before = commit
        .since
        .ok_or_else(|| Error::Inconsistent("a forged rev without one before".into()));
    match kind {
        Forgery::FutureRev => Ok(Tid::new(now_us + TEN_MINUTES_US, 0)?.to_string()),
        Forgery::EqualRev => Ok(before?.to_string()),
        Forgery::LowerRev => near(before?, -1_000_000),
        _ => Ok("rev-0000000001".to_owned()),
    }
}

/// A TID so many microseconds away.
fn near(tid: Tid, by_us: i64) -> Result<String> {
    let us = tid.timestamp_micros().saturating_add_signed(by_us);
    Ok(Tid::new(us, tid.clock_id())?.to_string())
}

/// Puts another commit block at the root of the slice and into the frame.
fn replace_commit(forged: &mut Envelope, block: &[u8]) -> Result<()> {
    let (roots, blocks) = read_slice(&forged.blocks)?;
    let cid = Cid::compute(Codec::Drisl, block);
    let mut car = Car::new(cid, block)?;
    for kept in blocks.iter().filter(|kept| !roots.contains(&kept.cid)) {
        car.add(kept.cid, kept.data)?;
    }
    forged.blocks = car.finish();
    forged.commit = cid;
    Ok(())
}

/// Takes one block out of the slice, and adds one.
fn change_blocks(
    forged: &mut Envelope,
    without: Option<Cid>,
    with: Option<(Cid, &[u8])>,
) -> Result<()> {
    let (_, blocks) = read_slice(&forged.blocks)?;
    let root = blocks.iter().find(|block| block.cid == forged.commit);
    let root = root.ok_or_else(|| Error::Inconsistent("a slice without its commit".into()))?;
    let mut car = Car::new(root.cid, root.data)?;
    for kept in blocks.iter().filter(|kept| Some(kept.cid) != without) {
        car.add(kept.cid, kept.data)?;
    }
    if let Some((cid, data)) = with {
        car.add(cid, data)?;
    }
    forged.blocks = car.finish();
    Ok(())
}
