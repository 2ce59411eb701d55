//! A ranking that is read while votes come: every page is of one moment, nothing stands twice, nothing is left out.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::bed::{Bed, Write, datetime, field, us};

const MINUTE_US: i64 = 60_000_000;
const DAY_MIN: i64 = 24 * 60;
/// What is ranked, by the lexicon's words.
const WINDOW_US: i64 = 7 * DAY_MIN * MINUTE_US;
/// A vote counts when it is so old: the plugin's word for the way into the tables (us).
const SETTLING_US: i64 = 5_000_000;
const LINKS: usize = 40;
const VOTES: i64 = 400;

/// Links and votes as this case knows them (us).
struct World {
    bed: Bed,
    dice: ChaCha8Rng,
    links: BTreeMap<String, i64>,
    /// By link, when each vote was seen.
    votes: BTreeMap<String, Vec<i64>>,
    voters: usize,
}

impl World {
    /// Links of ten days up to a moment, by whole minutes, so that an age is one too.
    async fn new(seed: u64, moment_us: i64) -> Self {
        let mut world = Self {
            bed: Bed::new("frontpage").await,
            dice: ChaCha8Rng::seed_from_u64(seed),
            links: BTreeMap::new(),
            votes: BTreeMap::new(),
            voters: 0,
        };
        let mut age_min = 0;
        for n in 0..LINKS {
            // Two at a time, so that some are of one age.
            if n % 2 == 0 {
                age_min = world.dice.random_range(0..10 * DAY_MIN);
            }
            let created_us = moment_us - age_min * MINUTE_US;
            let uri = format!("at://did:plc:a{}/fyi.frontpage.feed.post/p{n}", n % 7);
            let record = json!({
                "title": "t", "subject": {"url": "https://example.com/"}, "createdAt": datetime(created_us),
            });
            let write = Write::new(uri.clone(), record);
            world.bed.archive(created_us, &[write]).await;
            world.links.insert(uri, created_us);
        }
        world
    }

    /// Somebody's first vote for some link, the first ones most often.
    async fn vote(&mut self, seen_us: i64) {
        let at = self
            .dice
            .random_range(0..LINKS)
            .min(self.dice.random_range(0..LINKS));
        let uri = self.links.keys().nth(at).unwrap().clone();
        self.voters += 1;
        let record = json!({"subject": {"uri": uri, "cid": "b"}, "createdAt": datetime(0)});
        let vote = format!("at://did:plc:v{}/fyi.frontpage.feed.vote/v", self.voters);
        self.bed.archive(seen_us, &[Write::new(vote, record)]).await;
        self.votes.entry(uri).or_default().push(seen_us);
    }

    fn score(&self, uri: &str, moment_us: i64) -> f64 {
        let seen = self.votes.get(uri).into_iter().flatten();
        let votes = seen.filter(|at| **at < moment_us).count() as f64;
        let hours = (moment_us - self.links[uri]) as f64 / (60 * MINUTE_US) as f64;
        (votes + 1.0) / (hours + 2.0).powi(2)
    }

    /// A whole reading; new votes come after each page.
    async fn read(&mut self, now_us: i64, limit: &str) -> Vec<String> {
        let (mut shown, mut cursor) = (Vec::new(), None::<String>);
        for page in 1.. {
            let mut params = vec![("limit", limit)];
            params.extend(cursor.as_deref().map(|c| ("cursor", c)));
            let later_us = now_us + page * 40 * MINUTE_US;
            let asked_us = if page == 1 { now_us } else { later_us };
            let answer = self.bed.get(asked_us, "getTopPosts", &params).await;
            let posts = answer["posts"].as_array().unwrap();
            shown.extend(field(posts, "uri").into_iter().map(str::to_owned));
            cursor = answer["cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
            for _ in 0..20 {
                self.vote(later_us).await;
            }
            self.bed.index().await;
        }
        shown
    }

    fn check(&self, shown: &[String], moment_us: i64) {
        let ranked = |at: i64| at > moment_us - WINDOW_US && at <= moment_us;
        let expected: BTreeSet<&String> = self
            .links
            .iter()
            .filter(|(_, at)| ranked(**at))
            .map(|(uri, _)| uri)
            .collect();
        assert!(
            expected.len() > 10 && expected.len() < LINKS,
            "{}",
            expected.len()
        );
        assert_eq!(shown.len(), expected.len(), "a link twice, or left out");
        assert_eq!(shown.iter().collect::<BTreeSet<_>>(), expected);
        for pair in shown.windows(2) {
            let [a, b] = [0, 1].map(|n| self.score(&pair[n], moment_us));
            assert!(a >= b * 0.999, "{a} before {b}: {pair:?}");
            if self.links[&pair[0]] == self.links[&pair[1]] && a == b {
                assert!(
                    pair[0] > pair[1],
                    "of equal ones the larger address is first: {pair:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_reading_is_of_one_moment_whatever_is_voted_meanwhile() {
    let now_us = us("2026-08-20T14:21:05Z");
    let moment_us = now_us - SETTLING_US;
    for (seed, limit) in [(1, "3"), (2, "7")] {
        let mut world = World::new(seed, moment_us).await;
        let mut seen: Vec<i64> = (0..VOTES)
            .map(|_| moment_us - world.dice.random_range(1..3 * DAY_MIN * MINUTE_US))
            .collect();
        // The running hour's, and those at the edge: the last two are too late.
        seen.extend((0..60).map(|n| moment_us - n * MINUTE_US / 3 - 1));
        seen.extend([moment_us - 1, moment_us, moment_us + 1]);
        for at in seen {
            world.vote(at).await;
        }
        world.bed.index().await;
        let first = world.read(now_us, limit).await;
        world.check(&first, moment_us);

        // The votes that came were not for nothing: a new reading tells of them.
        let later_us = now_us + 2 * DAY_MIN * MINUTE_US;
        let second = world.read(later_us, limit).await;
        world.check(&second, later_us - SETTLING_US);
        assert_ne!(first, second);
    }
}
