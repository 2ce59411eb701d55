//! The world: accounts, what they wrote, and what happens next.
//!
//! It changes one event at a time, by [`World::next_frame`] or by an act that a test chooses, so its
//! state is always exactly what its events so far say, told or not.

mod acts;
mod chosen;
mod forging;
mod junk;
mod step;
mod writing;

pub use acts::Announced;
pub use junk::Junk;

use std::collections::{BTreeMap, HashMap, VecDeque};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use shrike::syntax::Tid;

use crate::account::Account;
use crate::clock::{Clock, Time};
use crate::config::{Config, Mix};
use crate::frame::Frame;
use crate::truth::{AccountTruth, Truth};
use crate::zipf::Zipf;
use crate::{Error, Result, limits};

use forging::Forging;
use step::Step;

/// A post that others may answer, like and repost.
#[derive(Clone, Debug)]
struct Recent {
    reference: Value,
    root: Option<Value>,
}

/// The simulated world.
#[derive(Debug)]
pub struct World {
    rng: ChaCha8Rng,
    clock: Clock,
    mix: Mix,
    rotate_keys: bool,
    accounts: Vec<Account>,
    /// Accounts below this number have joined.
    joined: usize,
    by_did: HashMap<String, usize>,
    by_handle: HashMap<String, usize>,
    popularity: Zipf,
    recent: VecDeque<Recent>,
    pending: VecDeque<Step>,
    inactive: usize,
    deleted: usize,
    seq: u64,
    forging: Forging,
    /// Exports of repositories as they once were, by DID.
    remembered: HashMap<String, Vec<u8>>,
}

impl World {
    /// A world before its first event. Its first accounts have repositories with an empty commit.
    pub fn new(config: &Config) -> Result<World> {
        if config.accounts == 0 || config.accounts > limits::ACCOUNTS_MAX {
            let most = limits::ACCOUNTS_MAX;
            return Err(Error::Config(format!(
                "accounts: expected 1 to {most}, got {}",
                config.accounts
            )));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let accounts = (0..config.accounts)
            .map(|number| Account::new(number, &mut rng))
            .collect::<Result<Vec<_>>>()?;
        let index = |key: fn(&Account) -> &String| {
            let numbered = accounts.iter().enumerate();
            numbered
                .map(|(number, account)| (key(account).clone(), number))
                .collect()
        };
        let mut world = World {
            by_did: index(|a| &a.did),
            by_handle: index(|a| &a.handle),
            rng,
            clock: Clock::new(config.time),
            mix: config.mix.clone(),
            rotate_keys: config.rotate_keys,
            joined: config.accounts - config.accounts / 20,
            popularity: Zipf::new(config.accounts),
            accounts,
            recent: VecDeque::new(),
            pending: VecDeque::new(),
            inactive: 0,
            deleted: 0,
            seq: 0,
            forging: Forging::default(),
            remembered: HashMap::new(),
        };
        for number in 0..world.joined {
            let rev = world.tid(number)?;
            let account = &mut world.accounts[number];
            account
                .repository
                .commit(Vec::new(), rev, account.key.signing())?;
        }
        Ok(world)
    }

    /// Makes the next event happen and gives its frame.
    pub fn next_frame(&mut self) -> Result<Frame> {
        let step = match self.pending.pop_front() {
            Some(step) => step,
            None => self.choose()?,
        };
        self.take(step)
    }

    /// The last event's sequence number; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The present state, which is the state after the last event.
    pub fn truth(&self) -> Result<Truth> {
        let accounts = self
            .accounts()
            .map(|account| Ok((account.did.clone(), AccountTruth::of(account)?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        Ok(Truth {
            seq: self.seq,
            accounts,
        })
    }

    /// The accounts that have joined, in the order of their numbers.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts[..self.joined].iter()
    }

    /// An account by DID.
    pub fn account(&self, did: &str) -> Option<&Account> {
        self.by_did
            .get(did)
            .filter(|n| **n < self.joined)
            .map(|n| &self.accounts[*n])
    }

    /// An account by its present handle.
    pub fn account_by_handle(&self, handle: &str) -> Option<&Account> {
        self.by_handle
            .get(handle)
            .filter(|n| **n < self.joined)
            .map(|n| &self.accounts[*n])
    }

    /// The next revision or record key of an account.
    fn tid(&mut self, number: usize) -> Result<Tid> {
        let us = self.clock.advance(1);
        Ok(Tid::new(us, (number % 1_024) as u16)?)
    }
}

impl Config {
    /// Whether a world of this configuration is repeated by another.
    pub fn is_repeatable(&self) -> bool {
        self.time != Time::Wall
    }
}
