//! One event: its effect on the world and its frame.

use std::sync::Arc;

use rand::Rng;

use super::World;
use crate::account::Status;
use crate::clock::datetime;
use crate::commit::{Commit, Envelope};
use crate::frame::Frame;
use crate::keys::Key;
use crate::news::{News, What};
use crate::repository::{Head, Write};
use crate::{Error, Result};

/// What an account does in one event.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A new account's first event: its identity.
    Join,
    /// `#identity`, with a new handle, a new key or neither.
    Identity {
        account: usize,
        renamed: bool,
        rekeyed: bool,
    },
    /// `#account`.
    Account { account: usize, status: Status },
    /// `#sync` of the present head.
    Sync { account: usize },
    /// `#commit`.
    Commit { account: usize, writes: Vec<Write> },
}

/// When an event happens.
pub(super) struct Moment {
    pub(super) us: u64,
    pub(super) time: String,
}

impl World {
    /// A moment after the last one, and the next seq.
    pub(super) fn next_moment(&mut self) -> Moment {
        self.seq += 1;
        let pause_us = self.rng.random_range(200..4_000);
        let us = self.clock.advance(pause_us);
        let time = datetime(us);
        Moment { us, time }
    }

    /// Applies a step and gives the frame that tells of it, with the next seq.
    pub(super) fn take(&mut self, step: Step) -> Result<Frame> {
        let now = self.next_moment();
        match step {
            Step::Join => {
                let account = self.joined;
                self.joined += 1;
                self.identity(account, now)
            }
            Step::Identity {
                account,
                renamed,
                rekeyed,
            } => {
                if renamed {
                    self.rename(account);
                }
                if rekeyed {
                    self.accounts[account].key = Key::generate(&mut self.rng)?;
                }
                self.identity(account, now)
            }
            Step::Account { account, status } => self.status(account, status, now),
            Step::Sync { account } => self.sync(account, now),
            Step::Commit { account, writes } => self.commit(account, writes, now),
        }
    }

    fn identity(&self, number: usize, now: Moment) -> Result<Frame> {
        let account = &self.accounts[number];
        let frame = Frame::identity(self.seq, &account.did, &now.time, &account.handle)?;
        let handle = account.handle.clone();
        Ok(self.with_news(frame, number, now, What::Identity { handle }))
    }

    pub(super) fn rename(&mut self, number: usize) {
        let account = &mut self.accounts[number];
        account.handles_had += 1;
        let handle = format!("user{number}-{}.sim.test", account.handles_had);
        let before = std::mem::replace(&mut account.handle, handle.clone());
        self.by_handle.remove(&before);
        self.by_handle.insert(handle, number);
    }

    fn status(&mut self, number: usize, status: Status, now: Moment) -> Result<Frame> {
        let account = &mut self.accounts[number];
        let (was_active, was_deleted) = (account.is_active(), account.status == Status::Deleted);
        account.set_status(status)?;
        account.claimed = None;
        self.inactive += usize::from(was_active && status != Status::Active);
        self.inactive -= usize::from(!was_active && status == Status::Active);
        self.deleted += usize::from(!was_deleted && status == Status::Deleted);
        self.account_said(number, status, now)
    }

    /// `#account`, true or not.
    pub(super) fn account_said(&self, number: usize, status: Status, now: Moment) -> Result<Frame> {
        let frame = Frame::account(self.seq, &self.accounts[number].did, &now.time, status)?;
        Ok(self.with_news(frame, number, now, What::Account { status }))
    }

    fn sync(&self, number: usize, now: Moment) -> Result<Frame> {
        let account = &self.accounts[number];
        let head = account.repository.head().ok_or_else(|| {
            Error::Inconsistent(format!("{} has no commit to announce", account.did))
        })?;
        self.sync_of(number, head, now)
    }

    /// `#sync` of any head.
    pub(super) fn sync_of(&self, number: usize, head: &Head, now: Moment) -> Result<Frame> {
        let frame = Frame::sync(self.seq, &self.accounts[number].did, &now.time, head)?;
        Ok(self.with_news(frame, number, now, What::Sync))
    }

    fn commit(&mut self, number: usize, writes: Vec<Write>, now: Moment) -> Result<Frame> {
        let rev = self.tid(number)?;
        let account = &mut self.accounts[number];
        let commit = account
            .repository
            .commit(writes, rev, account.key.signing())?;
        match self.forging.due(&commit) {
            Some((kind, in_place)) => self.forged(number, &commit, kind, in_place, now),
            None => self.told(number, &commit, now),
        }
    }

    /// The sound frame of a commit that was just applied.
    pub(super) fn told(&self, number: usize, commit: &Commit, now: Moment) -> Result<Frame> {
        let account = &self.accounts[number];
        let sound = Envelope::of(&account.did, commit);
        let frame = Frame::commit(self.seq, &now.time, &sound)?;
        let what = What::commit(commit, &account.repository);
        Ok(self.with_news(frame, number, now, what))
    }

    fn with_news(&self, mut frame: Frame, number: usize, now: Moment, what: What) -> Frame {
        frame.news = Some(Arc::new(News {
            did: self.accounts[number].did.clone(),
            time: now.time,
            time_us: now.us,
            what,
        }));
        frame
    }
}
