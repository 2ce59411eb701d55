//! Acts that a test chooses: one account, one event.
//!
//! Each gives the frame that tells of it. Whether anybody is told is the network's affair
//! ([`Network::tell`](crate::Network::tell), [`Network::withhold`](crate::Network::withhold)).

use super::World;
use super::step::Step;
use crate::account::Status;
use crate::clock::datetime;
use crate::commit::Commit;
use crate::content::{self, STATUS};
use crate::forge::Forgery;
use crate::frame::Frame;
use crate::keys::Key;
use crate::repository::Write;
use crate::{Error, Result};

/// Which state a `#sync` announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The one that everybody knows.
    Current,
    /// The one after so many commits that nobody was told of.
    New(usize),
    /// The one before the present.
    Older,
}

impl World {
    /// One commit with these writes, each path once. Records may be anything that is DAG-CBOR.
    pub fn write(&mut self, did: &str, writes: Vec<Write>) -> Result<Frame> {
        let account = self.writer(did)?;
        self.take(Step::Commit { account, writes })
    }

    /// One commit that creates so many statuses.
    pub fn post_statuses(&mut self, did: &str, n: usize) -> Result<Frame> {
        let account = self.writer(did)?;
        let writes = self.new_statuses(account, n)?;
        self.take(Step::Commit { account, writes })
    }

    /// One commit that creates two statuses, forged: the sound frame comes after the forged one under
    /// the same seq, or not at all if `in_place`.
    pub fn forge(&mut self, did: &str, kind: Forgery, in_place: bool) -> Result<Frame> {
        let number = self.writer(did)?;
        let now = self.next_moment();
        let commit = self.committed(number, 2)?;
        if !kind.fits(&commit) {
            return Err(Error::Inconsistent(format!(
                "{did}: its commit has nothing that {kind:?} takes"
            )));
        }
        self.forged(number, &commit, kind, in_place, now)
    }

    /// `#sync`.
    pub fn announce(&mut self, did: &str, which: Announced) -> Result<Frame> {
        let number = self.writer(did)?;
        if let Announced::New(commits) = which {
            for _ in 0..commits {
                self.committed(number, 1)?;
            }
        }
        if which != Announced::Older {
            return self.take(Step::Sync { account: number });
        }
        let now = self.next_moment();
        let older = self.accounts[number].repository.before().cloned();
        let older = older
            .ok_or_else(|| Error::Inconsistent(format!("{did} has no commit before its head")))?;
        self.sync_of(number, &older, now)
    }

    /// Another signing key, in the DID document from now on, and the `#identity` that tells of it.
    pub fn rotate_key(&mut self, did: &str) -> Result<Frame> {
        self.change(did, false, true)
    }

    /// Another handle, and its `#identity`.
    pub fn rename_account(&mut self, did: &str) -> Result<Frame> {
        self.change(did, true, false)
    }

    /// Another host and another signing key in the DID document, as after a migration, and the
    /// `#identity`. The network's own host goes on serving the account.
    pub fn migrate(&mut self, did: &str, pds_endpoint: &str) -> Result<Frame> {
        let number = self.number(did)?;
        self.accounts[number].pds = Some(pds_endpoint.to_owned());
        self.change(did, false, true)
    }

    /// Makes the DID document name another host, without a word to anybody: one that nobody can
    /// reach, or one that answers something else.
    pub fn move_document(&mut self, did: &str, pds_endpoint: &str) -> Result<()> {
        let number = self.number(did)?;
        self.accounts[number].pds = Some(pds_endpoint.to_owned());
        Ok(())
    }

    /// Another hosting status, and its `#account`.
    pub fn set_status(&mut self, did: &str, status: Status) -> Result<Frame> {
        let account = self.number(did)?;
        self.take(Step::Account { account, status })
    }

    /// `#account` with a status that is not true: the relay says so, on the stream and in
    /// `getRepoStatus`, and the account's host does not. The true status ends the lie.
    pub fn claim_status(&mut self, did: &str, status: Status) -> Result<Frame> {
        let number = self.number(did)?;
        let account = &mut self.accounts[number];
        account.claimed = Some(status).filter(|claimed| *claimed != account.status);
        let now = self.next_moment();
        self.account_said(number, status, now)
    }

    /// Adds `n` statuses to a repository in one commit that nobody is told of, and that is no event.
    pub fn fill(&mut self, did: &str, n: usize) -> Result<()> {
        let number = self.writer(did)?;
        let writes = self.new_statuses(number, n)?;
        let rev = self.tid(number)?;
        let account = &mut self.accounts[number];
        let key = account.key.signing();
        account.repository.change(writes, Vec::new(), rev, key)?;
        Ok(())
    }

    /// Makes commits that nobody is told of, and that are no events.
    pub fn write_unheard(&mut self, did: &str, commits: usize) -> Result<()> {
        let number = self.writer(did)?;
        (0..commits).try_for_each(|_| self.committed(number, 1).map(drop))
    }

    /// Keeps a repository's export as it is now, for a host that answers with an old one.
    pub fn remember(&mut self, did: &str) -> Result<()> {
        let number = self.number(did)?;
        let export = self.accounts[number].repository.export()?;
        let export =
            export.ok_or_else(|| Error::Inconsistent(format!("{did} has no commit yet")))?;
        self.remembered.insert(did.to_owned(), export);
        Ok(())
    }

    pub(crate) fn remembered(&self, did: &str) -> Option<&Vec<u8>> {
        self.remembered.get(did)
    }

    /// Lets time go by in which nothing happens (us); the wall's clock goes by itself.
    pub fn wait(&mut self, us: u64) {
        self.clock.advance(us);
    }

    /// DIDs of accounts that are active, in the order of their numbers.
    pub fn active_dids(&self) -> Vec<String> {
        let active = self.accounts().filter(|account| account.is_active());
        active.map(|account| account.did.clone()).collect()
    }

    fn change(&mut self, did: &str, renamed: bool, rekeyed: bool) -> Result<Frame> {
        let account = self.number(did)?;
        if rekeyed {
            // A key of the same curve would hide a consumer that keeps the old curve.
            let curve = self.accounts[account].key.curve().other();
            self.accounts[account].key = Key::of_curve(curve, &mut self.rng)?;
        }
        self.take(Step::Identity {
            account,
            renamed,
            rekeyed: false,
        })
    }

    fn committed(&mut self, number: usize, statuses: usize) -> Result<Commit> {
        let writes = self.new_statuses(number, statuses)?;
        let rev = self.tid(number)?;
        let account = &mut self.accounts[number];
        let key = account.key.signing();
        account.repository.commit(writes, rev, key)
    }

    /// Statuses a millisecond apart, so that no two records are equal.
    fn new_statuses(&mut self, number: usize, n: usize) -> Result<Vec<Write>> {
        const MS_US: u64 = 1_000;
        let from_us = self.clock.advance(MS_US);
        let mut writes = Vec::with_capacity(n);
        for at_us in (from_us..).step_by(MS_US as usize).take(n) {
            let at = datetime(at_us);
            let record = Some(content::encode(&content::status(&mut self.rng, &at))?);
            let path = format!("{STATUS}/{}", self.tid(number)?);
            writes.push(Write { path, record });
        }
        Ok(writes)
    }

    /// An account's number, if it has joined.
    fn number(&self, did: &str) -> Result<usize> {
        let number = self.by_did.get(did).filter(|number| **number < self.joined);
        number
            .copied()
            .ok_or_else(|| Error::Inconsistent(format!("{did} is no account of this world")))
    }

    /// The number of an account that may commit.
    pub(super) fn writer(&self, did: &str) -> Result<usize> {
        let number = self.number(did)?;
        if self.accounts[number].is_active() {
            return Ok(number);
        }
        Err(Error::Inconsistent(format!("{did} is not active")))
    }
}
