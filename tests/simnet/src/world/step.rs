//! One event: its effect on the world and its frame.

use rand::Rng;

use super::World;
use crate::account::Status;
use crate::clock::datetime;
use crate::frame::Frame;
use crate::keys::Key;
use crate::repository::Write;
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

impl World {
    /// Applies a step and gives the frame that tells of it, numbered with the present seq.
    pub(super) fn take(&mut self, step: Step) -> Result<Frame> {
        let pause_us = self.rng.random_range(200..4_000);
        let time = datetime(self.clock.advance(pause_us));
        match step {
            Step::Join => {
                let account = self.joined;
                self.joined += 1;
                self.identity(account, &time)
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
                self.identity(account, &time)
            }
            Step::Account { account, status } => self.status(account, status, &time),
            Step::Sync { account } => self.sync(account, &time),
            Step::Commit { account, writes } => self.commit(account, writes, &time),
        }
    }

    fn identity(&self, number: usize, time: &str) -> Result<Frame> {
        let account = &self.accounts[number];
        Frame::identity(self.seq, &account.did, time, &account.handle)
    }

    fn rename(&mut self, number: usize) {
        let account = &mut self.accounts[number];
        account.handles_had += 1;
        let handle = format!("user{number}-{}.sim.test", account.handles_had);
        let before = std::mem::replace(&mut account.handle, handle.clone());
        self.by_handle.remove(&before);
        self.by_handle.insert(handle, number);
    }

    fn status(&mut self, number: usize, status: Status, time: &str) -> Result<Frame> {
        let account = &mut self.accounts[number];
        let was_active = account.is_active();
        account.set_status(status)?;
        self.inactive += usize::from(was_active && status != Status::Active);
        self.inactive -= usize::from(!was_active && status == Status::Active);
        self.deleted += usize::from(status == Status::Deleted);
        Frame::account(self.seq, &account.did, time, status)
    }

    fn sync(&self, number: usize, time: &str) -> Result<Frame> {
        let account = &self.accounts[number];
        let head = account.repository.head().ok_or_else(|| {
            Error::Inconsistent(format!("{} has no commit to announce", account.did))
        })?;
        Frame::sync(self.seq, &account.did, time, head)
    }

    fn commit(&mut self, number: usize, writes: Vec<Write>, time: &str) -> Result<Frame> {
        let rev = self.tid(number)?;
        let account = &mut self.accounts[number];
        let commit = account
            .repository
            .commit(writes, rev, account.key.signing())?;
        Frame::commit(self.seq, &account.did, time, &commit)
    }
}
