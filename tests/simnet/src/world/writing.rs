//! What accounts write: the commits of the mix.

use std::collections::BTreeSet;

use rand::Rng;
use serde_json::Value;
use shrike::cbor::{Cid, Codec};

use super::step::Step;
use super::{Recent, World};
use crate::clock::datetime;
use crate::content::{self, Context, FOLLOW, LIKE, Mentioned, POST, PROFILE, REPOST, STATUS};
use crate::repository::Write;
use crate::{Result, limits, text};

impl World {
    pub(super) fn like(&mut self, account: usize) -> Result<Step> {
        let write = self.write_pointer(account, LIKE)?;
        Ok(single(account, write))
    }

    pub(super) fn repost(&mut self, account: usize) -> Result<Step> {
        let write = self.write_pointer(account, REPOST)?;
        Ok(single(account, write))
    }

    pub(super) fn follow(&mut self, account: usize) -> Result<Step> {
        let write = self.write_follow(account)?;
        Ok(single(account, write))
    }

    pub(super) fn post(&mut self, account: usize) -> Result<Step> {
        let write = self.write_post(account)?;
        Ok(single(account, write))
    }

    pub(super) fn post_status(&mut self, account: usize) -> Result<Step> {
        let write = self.write_status(account)?;
        Ok(single(account, write))
    }

    /// Deletes a record of the account; one that has none posts instead.
    pub(super) fn delete(&mut self, account: usize) -> Result<Step> {
        match self.accounts[account].repository.random_path(&mut self.rng) {
            Some(path) => Ok(single(
                account,
                Write {
                    path: path.to_string(),
                    record: None,
                },
            )),
            None => self.post(account),
        }
    }

    /// Changes a status, a post or the profile; the profile when there is no other.
    pub(super) fn update(&mut self, account: usize) -> Result<Step> {
        let collection = match self.rng.random_range(0..10) {
            0..=4 => PROFILE,
            5..=8 => STATUS,
            _ => POST,
        };
        let path = self.some_path_in(account, collection);
        let path = path.unwrap_or_else(|| format!("{PROFILE}/self"));
        let at = self.now();
        let record = if path.starts_with(STATUS) {
            content::status(&mut self.rng, &at)
        } else if path.starts_with(POST) {
            self.edited(account, &path)?
        } else {
            content::profile(&mut self.rng, &at)
        };
        let record = Some(content::encode(&record)?);
        Ok(single(account, Write { path, record }))
    }

    /// A commit of several operations; one of forty has as many as a commit may have.
    pub(super) fn batch(&mut self, account: usize) -> Result<Step> {
        let size = match self.rng.random_range(0..40) {
            0 => limits::COMMIT_OPS_MAX,
            1..=5 => self.rng.random_range(10..40),
            _ => self.rng.random_range(2..10),
        };
        let mut writes = Vec::with_capacity(size);
        let mut deleted = BTreeSet::new();
        while writes.len() < size {
            let write = match self.rng.random_range(0..10) {
                0..=1 => match self.accounts[account].repository.random_path(&mut self.rng) {
                    Some(path) if deleted.insert(path.clone()) => Write {
                        path: path.to_string(),
                        record: None,
                    },
                    _ => self.write_status(account)?,
                },
                2 => self.write_post(account)?,
                3..=5 => self.write_pointer(account, LIKE)?,
                _ => self.write_follow(account)?,
            };
            writes.push(write);
        }
        Ok(Step::Commit { account, writes })
    }

    /// A like or repost of a recent post, the newest most often; three of a hundred likes repeat the
    /// account's last one. Without any post it is a post.
    fn write_pointer(&mut self, account: usize, collection: &str) -> Result<Write> {
        let again = collection == LIKE && self.rng.random_ratio(3, 100);
        let last = self.accounts[account].last_like.clone().filter(|_| again);
        let Some(subject) = last.or_else(|| self.recent_post().map(|post| post.reference)) else {
            return self.write_post(account);
        };
        let record = content::pointer(collection, &subject, &self.now());
        if collection == LIKE {
            self.accounts[account].last_like = Some(subject);
        }
        self.create(account, collection, &record)
    }

    /// A follow of anybody else by Zipf's law, also of who is away. Alone, it is a post.
    fn write_follow(&mut self, account: usize) -> Result<Write> {
        let subject = self.popularity.pick(&mut self.rng, self.joined);
        if subject == account {
            return self.write_post(account);
        }
        let at = self.now();
        let record = content::follow(&self.accounts[subject].did, &at);
        self.create(account, FOLLOW, &record)
    }

    pub(super) fn write_status(&mut self, account: usize) -> Result<Write> {
        let at = self.now();
        let record = content::status(&mut self.rng, &at);
        self.create(account, STATUS, &record)
    }

    /// A post, three of ten times an answer, one of twelve times with a mention.
    fn write_post(&mut self, account: usize) -> Result<Write> {
        let answered = if self.rng.random_ratio(3, 10) {
            self.recent_post()
        } else {
            None
        };
        let mentioned = self.rng.random_ratio(1, 12).then(|| {
            let number = self.popularity.pick(&mut self.rng, self.joined);
            let Self { accounts, .. } = &*self;
            Mentioned {
                did: accounts[number].did.clone(),
                handle: accounts[number].handle.clone(),
            }
        });
        let root = answered
            .as_ref()
            .map(|post| post.root.clone().unwrap_or_else(|| post.reference.clone()));
        let reply = root.clone().zip(answered.map(|post| post.reference));
        let at = self.now();
        let record = content::post(&mut self.rng, Context { reply, mentioned }, &at);
        let write = self.create(account, POST, &record)?;
        self.remember_post(account, &write, root);
        Ok(write)
    }

    /// The post at `path` with another text.
    fn edited(&mut self, account: usize, path: &str) -> Result<Value> {
        let mut record = match self.accounts[account].repository.record(path) {
            Some((_, bytes)) => content::decode(bytes)?,
            None => Value::Null,
        };
        let text = text::post(&mut self.rng).text;
        // The time makes two edits differ even when chance writes the same words.
        record["text"] = Value::String(format!("{text} (edited {})", self.now()));
        if let Some(map) = record.as_object_mut() {
            map.remove("facets");
        }
        Ok(record)
    }

    fn create(&mut self, account: usize, collection: &str, record: &Value) -> Result<Write> {
        let rkey = self.tid(account)?;
        let record = Some(content::encode(record)?);
        Ok(Write {
            path: format!("{collection}/{rkey}"),
            record,
        })
    }

    fn remember_post(&mut self, account: usize, write: &Write, root: Option<Value>) {
        let Some(bytes) = &write.record else { return };
        let uri = format!("at://{}/{}", self.accounts[account].did, write.path);
        let reference = content::strong_ref(&uri, &Cid::compute(Codec::Drisl, bytes));
        if self.recent.len() == limits::RECENT_POSTS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { reference, root });
    }

    fn recent_post(&mut self) -> Option<Recent> {
        let age = self.rng.random::<f64>().powi(3) * self.recent.len() as f64;
        self.recent.iter().rev().nth(age as usize).cloned()
    }

    /// A path of the collection, if a dozen random paths hold one.
    fn some_path_in(&mut self, account: usize, collection: &str) -> Option<String> {
        let repository = &self.accounts[account].repository;
        (0..12)
            .filter_map(|_| repository.random_path(&mut self.rng))
            .find(|path| path.starts_with(collection))
            .map(|path| path.to_string())
    }

    fn now(&mut self) -> String {
        datetime(self.clock.advance(1))
    }
}

fn single(account: usize, write: Write) -> Step {
    Step::Commit {
        account,
        writes: vec![write],
    }
}
