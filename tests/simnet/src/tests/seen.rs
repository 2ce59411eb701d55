//! What a run of the stream had in it.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::{self, Event};
use crate::{Frame, Truth, limits};

#[derive(Debug, Default)]
pub(super) struct Seen {
    events: u64,
    kinds: BTreeMap<&'static str, u64>,
    created: BTreeMap<String, u64>,
    updated: BTreeSet<String>,
    deletes: u64,
    statuses: BTreeSet<String>,
    came_back: u64,
    firsts: u64,
    largest: usize,
    several: u64,
}

impl Seen {
    pub(super) fn count(&mut self, frame: &Frame) {
        self.events += 1;
        *self.kinds.entry(frame.kind).or_default() += 1;
        match wire::decode(frame) {
            Event::Account(account) => match account.status {
                Some(status) => drop(self.statuses.insert(status)),
                None => self.came_back += 1,
            },
            Event::Commit(commit) => {
                assert!(frame.bytes.len() < limits::FRAME_BYTES_MAX);
                self.firsts += u64::from(commit.since.is_none());
                self.largest = self.largest.max(commit.ops.len());
                self.several += u64::from(commit.ops.len() > 1);
                for op in commit.ops {
                    let collection = op.path.split('/').next().unwrap().to_owned();
                    match op.action.as_str() {
                        "create" => *self.created.entry(collection).or_default() += 1,
                        "update" => drop(self.updated.insert(collection)),
                        _ => self.deletes += 1,
                    }
                }
            }
            Event::Sync(_) | Event::Identity(_) => {}
        }
    }

    /// What the default mix promises, roughly.
    pub(super) fn assert_proportions(&self) {
        let share = |n: u64| n as f64 / self.events as f64;
        let created = |collection: &str| share(self.created[collection]);
        assert!(
            (0.45..0.62).contains(&created("app.bsky.feed.like")),
            "{self:?}"
        );
        assert!(
            (0.08..0.30).contains(&created("app.bsky.graph.follow")),
            "{self:?}"
        );
        assert!(
            (0.10..0.20).contains(&created("app.bsky.feed.post")),
            "{self:?}"
        );
        assert!(
            (0.03..0.15).contains(&created("xyz.statusphere.status")),
            "{self:?}"
        );
        assert!(
            (0.03..0.08).contains(&created("app.bsky.feed.repost")),
            "{self:?}"
        );
        assert!((0.05..0.20).contains(&share(self.deletes)), "{self:?}");
        assert_eq!(self.kinds.len(), 4, "{self:?}");
    }

    /// What happens seldom and must happen.
    pub(super) fn assert_rare(&self) {
        assert_eq!(
            self.updated.len(),
            3,
            "profiles, statuses and posts change: {self:?}"
        );
        let sent_away = ["deactivated", "deleted", "suspended", "takendown"].map(str::to_owned);
        assert_eq!(self.statuses, BTreeSet::from(sent_away), "{self:?}");
        assert!(self.came_back > self.firsts && self.firsts > 0, "{self:?}");
        assert!(
            self.several > 10 && self.largest == limits::COMMIT_OPS_MAX,
            "{self:?}"
        );
    }
}

/// Likes beyond the first of one subject by one account.
pub(super) fn duplicate_likes(truth: &Truth) -> usize {
    let of_account = |likes: &BTreeMap<String, crate::RecordTruth>| {
        let subjects: BTreeSet<_> = likes
            .values()
            .map(|l| l.value["subject"]["uri"].to_string())
            .collect();
        likes.len() - subjects.len()
    };
    let accounts = truth.accounts.values();
    accounts
        .filter_map(|a| a.collections.get("app.bsky.feed.like"))
        .map(of_account)
        .sum()
}
