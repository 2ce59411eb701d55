//! Who does what next: the mix gives the kind, Zipf's law the account.

use rand::Rng;

use super::World;
use super::step::Step;
use crate::account::Status;
use crate::mix::Kind;
use crate::{Error, Result};

impl World {
    /// Chooses the next step; what must follow it waits in `pending`.
    pub(super) fn choose(&mut self) -> Result<Step> {
        let kind = self.mix.pick(&mut self.rng);
        let actor = self.actor()?;
        match kind {
            Kind::Like => self.like(actor),
            Kind::Follow => self.follow(actor),
            Kind::Repost => self.repost(actor),
            Kind::Post => self.post(actor),
            Kind::Status => self.post_status(actor),
            Kind::Update => self.update(actor),
            Kind::Delete => self.delete(actor),
            Kind::Batch => self.batch(actor),
            Kind::Identity => Ok(self.change_identity(actor)),
            Kind::AccountStatus => self.change_status(),
            Kind::Sync => Ok(Step::Sync { account: actor }),
            Kind::Join => self.join(actor),
        }
    }

    /// An active account by Zipf's law; the next active one when it hits an inactive one.
    fn actor(&mut self) -> Result<usize> {
        let first = self.popularity.pick(&mut self.rng, self.joined);
        let mut round = (first..self.joined).chain(0..first);
        round
            .find(|number| self.accounts[*number].is_active())
            .ok_or_else(|| Error::Inconsistent("no account is active".into()))
    }

    fn change_identity(&mut self, account: usize) -> Step {
        let renamed = self.rng.random_ratio(3, 5);
        let rekeyed = self.rotate_keys && self.rng.random_ratio(1, 4);
        Step::Identity {
            account,
            renamed,
            rekeyed,
        }
    }

    fn join(&mut self, actor: usize) -> Result<Step> {
        let account = self.joined;
        if account == self.accounts.len() {
            return self.post(actor);
        }
        self.pending.extend([
            Step::Account {
                account,
                status: Status::Active,
            },
            Step::Commit {
                account,
                writes: Vec::new(),
            },
            Step::Sync { account },
        ]);
        Ok(Step::Join)
    }

    /// Brings an account back or sends one away; at most one of ten is away, and one of thirty for good.
    fn change_status(&mut self) -> Result<Step> {
        let away = self.inactive - self.deleted;
        let full = (self.inactive + 1) * 10 > self.joined;
        if away > 0 && (full || self.rng.random_ratio(1, 3)) {
            let which = self.rng.random_range(0..away);
            let account = self.nth(which, |status| {
                !matches!(status, Status::Active | Status::Deleted)
            })?;
            self.pending.extend([
                Step::Identity {
                    account,
                    renamed: false,
                    rekeyed: false,
                },
                Step::Sync { account },
            ]);
            return Ok(Step::Account {
                account,
                status: Status::Active,
            });
        }
        if full {
            let actor = self.actor()?;
            return self.post(actor);
        }
        let which = self.rng.random_range(0..self.joined - self.inactive);
        let account = self.nth(which, |status| status == Status::Active)?;
        let may_delete = (self.deleted + 1) * 30 <= self.joined;
        let status = match self.rng.random_range(0..20) {
            0..=2 if may_delete => Status::Deleted,
            3..=6 => Status::Takendown,
            7..=8 => Status::Suspended,
            _ => Status::Deactivated,
        };
        Ok(Step::Account { account, status })
    }

    /// The `which`-th joined account whose status fits.
    fn nth(&self, which: usize, fits: impl Fn(Status) -> bool) -> Result<usize> {
        let mut fitting = (0..self.joined).filter(|number| fits(self.accounts[*number].status));
        fitting
            .nth(which)
            .ok_or_else(|| Error::Inconsistent("the count of inactive accounts is wrong".into()))
    }
}
