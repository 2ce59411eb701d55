//! The mix: which kind of event is next.

use rand::Rng;

use crate::config::Mix;

/// A kind of event, before anybody is chosen for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Like,
    Follow,
    Repost,
    Post,
    Status,
    Update,
    Delete,
    Batch,
    Identity,
    AccountStatus,
    Sync,
    Join,
}

impl Mix {
    fn weights(&self) -> [(Kind, u32); 12] {
        [
            (Kind::Like, self.likes),
            (Kind::Follow, self.follows),
            (Kind::Repost, self.reposts),
            (Kind::Post, self.posts),
            (Kind::Status, self.statuses),
            (Kind::Update, self.updates),
            (Kind::Delete, self.deletes),
            (Kind::Batch, self.batches),
            (Kind::Identity, self.identities),
            (Kind::AccountStatus, self.account_statuses),
            (Kind::Sync, self.syncs),
            (Kind::Join, self.joins),
        ]
    }

    /// A kind by weight; posts when every weight is zero.
    pub(crate) fn pick(&self, rng: &mut impl Rng) -> Kind {
        let weights = self.weights();
        let total: u32 = weights.iter().map(|(_, weight)| weight).sum();
        let mut at = rng.random_range(0..total.max(1));
        for (kind, weight) in weights {
            if at < weight {
                return kind;
            }
            at -= weight;
        }
        Kind::Post
    }
}
