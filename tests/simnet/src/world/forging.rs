//! Forged commits among the sound ones: chosen, or every so many.

use super::World;
use super::step::Moment;
use crate::commit::Commit;
use crate::forge::{self, Forgery, Means};
use crate::frame::Frame;
use crate::keys::Key;
use crate::{Result, content};

/// Which commits of the mix are forged.
#[derive(Debug, Default)]
pub(super) struct Forging {
    every: u64,
    kinds: Vec<Forgery>,
    in_place: bool,
    seen: u64,
    next: usize,
}

impl Forging {
    /// Whether this commit is to be forged, and how.
    pub(super) fn due(&mut self, commit: &Commit) -> Option<(Forgery, bool)> {
        if self.every == 0 || self.kinds.is_empty() {
            return None;
        }
        self.seen += 1;
        if self.seen < self.every {
            return None;
        }
        // A kind that this commit has nothing for waits for one that has.
        let kind = self.kinds[self.next % self.kinds.len()];
        if !kind.fits(commit) {
            return None;
        }
        (self.seen, self.next) = (0, self.next + 1);
        Some((kind, self.in_place))
    }
}

impl World {
    /// Forges every `n`-th commit from now on, one kind after the other; 0 is never. The forged one
    /// comes before the sound one under the same seq, or `in_place` of it.
    pub fn forge_every(&mut self, n: u64, kinds: &[Forgery], in_place: bool) {
        self.forging = Forging {
            every: n,
            kinds: kinds.to_vec(),
            in_place,
            seen: 0,
            next: 0,
        };
    }

    /// The frame of a commit that was just applied, with its forged form.
    pub(super) fn forged(
        &mut self,
        number: usize,
        commit: &Commit,
        kind: Forgery,
        in_place: bool,
        now: Moment,
    ) -> Result<Frame> {
        let curve = self.accounts[number].key.curve();
        let other_curve = Key::of_curve(curve.other(), &mut self.rng)?;
        let spare = Key::of_curve(curve, &mut self.rng)?;
        let record = content::status(&mut self.rng, &now.time);
        let path = format!("{}/{}", content::STATUS, self.tid(number)?);
        let others = self.accounts.iter().enumerate();
        let mut others = others.filter(|(other, _)| *other != number);
        let stranger_did = others
            .clone()
            .next()
            .map_or("did:plc:nobody", |(_, a)| &a.did);
        let stranger = others.find(|(_, a)| a.key.curve() == curve);
        let means = Means {
            did: &self.accounts[number].did,
            key: &self.accounts[number].key,
            stranger: stranger.map_or(&spare, |(_, account)| &account.key),
            stranger_did,
            other_curve: &other_curve,
            invented: (path, content::encode(&record)?),
            now_us: now.us,
        };
        let forged = forge::forge(kind, commit, &means)?;
        let forged = Frame::commit(self.seq, &now.time, &forged)?;
        let mut frame = self.told(number, commit, now)?;
        frame.forged = true;
        if in_place {
            (frame.bytes, frame.car) = (forged.bytes, forged.car);
        } else {
            frame.before = Some(forged.bytes);
        }
        Ok(frame)
    }
}
