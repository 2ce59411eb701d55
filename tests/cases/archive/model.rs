//! Any interleaving of commits, snapshots and a stream without commits ends in what the repositories are.
//!
//! The model is the repositories' own history: what each revision did, and the records after it. Sources tell of it
//! late, twice, or with holes; the store has to come to the latest state of each record.

use std::collections::BTreeMap;

use aviary::atproto::Cid;
use aviary::entry::{Action, Entry, Op};
use aviary::store::{RepoStatus, Store};
use aviary_tests::backend::{Backend, Place};

use super::entries::{chunk, follow, held, hole, resynced, resyncing, stands, state, told};
use super::world::{Random, archive, commit, delete, put, tid};

const REPOS: u64 = 3;
const KINDS: u64 = 2;

type Records = BTreeMap<(u64, String), Cid>;

/// One repository, and how far each source has told of it.
#[derive(Default)]
struct Repo {
    /// What each revision did (from 1), and the records after it.
    history: Vec<(Vec<(u64, Op)>, Records)>,
    by_commits: usize,
    by_stream: usize,
    /// A snapshot being told: its rev, and its chunks still to come.
    snapshot: Option<(usize, Vec<Entry>)>,
}

impl Repo {
    fn now(&self) -> Records {
        self.history.last().map(|h| h.1.clone()).unwrap_or_default()
    }

    /// One more revision. Few bodies, so that a record comes back with the CID that it had.
    fn lives(&mut self, random: &mut Random) {
        let mut records = self.now();
        let mut ops = Vec::new();
        let mut touched = Vec::new();
        for _ in 0..=random.below(2) {
            let at = (random.below(KINDS), format!("r{}", random.below(5)));
            if touched.contains(&at) {
                continue;
            }
            let op = if records.contains_key(&at) && random.below(2) == 0 {
                records.remove(&at);
                delete(at.0, &at.1)
            } else {
                put(at.0, &at.1, random.below(4), 256)
            };
            if let Action::Put { cid, .. } = &op.action {
                records.insert(at.clone(), *cid);
            }
            ops.push((at.0, op));
            touched.push(at);
        }
        self.history.push((ops, records));
    }

    fn commit(&self, who: u64, rev: usize) -> Entry {
        let ops = self.history[rev - 1].0.iter().map(|(_, op)| op.clone());
        commit(who, rev as u64, ops.collect())
    }

    /// What one revision tells a stream without commits.
    fn stream(&self, who: u64, rev: usize) -> Vec<Entry> {
        let ops = self.history[rev - 1].0.iter();
        ops.map(|(_, op)| told(who, rev as u64, op.clone()))
            .collect()
    }

    /// The chunks of a snapshot of now: what is there, and deletes of what the archive has and it has not.
    async fn snapshot(&self, store: &dyn Store, who: u64) -> Vec<Entry> {
        let rev = self.history.len() as u64;
        let records = self.now();
        let mut entries = vec![resynced(who, rev)];
        for kind in 0..KINDS {
            let mut ops: Vec<Op> = self.bodies(kind, &records);
            for record in held(store, who, kind).await {
                let absent = !records.contains_key(&(kind, record.rkey.to_string()));
                ops.extend(
                    (absent && record.rev <= tid(rev)).then(|| delete(kind, record.rkey.as_str())),
                );
            }
            let chunks = ops.chunks(2).map(|ops| chunk(who, rev, ops.to_vec()));
            entries.extend(chunks);
        }
        entries
    }

    fn bodies(&self, kind: u64, records: &Records) -> Vec<Op> {
        let all = self.history.iter().rev().flat_map(|(ops, _)| ops);
        let mut found: BTreeMap<&str, Op> = BTreeMap::new();
        for (of, op) in all {
            if *of == kind && matches!(op.action, Action::Put { .. }) {
                found.entry(op.rkey.as_str()).or_insert_with(|| op.clone());
            }
        }
        let live = found
            .into_iter()
            .filter(|(rkey, _)| records.contains_key(&(kind, (*rkey).to_owned())));
        live.map(|(_, op)| op).collect()
    }

    /// What comes next of one of the sources; `alone`: the store has everything that came before.
    async fn tells(
        &mut self,
        store: &dyn Store,
        who: u64,
        random: &mut Random,
        alone: bool,
    ) -> Vec<Entry> {
        match random.below(6) {
            0 | 1 => {
                self.lives(random);
                Vec::new()
            }
            2 if self.by_stream < self.history.len() => {
                self.by_stream += 1;
                self.stream(who, self.by_stream)
            }
            // The stream begins again a little before.
            3 => {
                self.by_stream -= usize::try_from(random.below(4))
                    .unwrap()
                    .min(self.by_stream);
                Vec::new()
            }
            4 => self.next_commit(who, random),
            _ => self.next_chunk(store, who, alone).await,
        }
    }

    fn next_commit(&mut self, who: u64, random: &mut Random) -> Vec<Entry> {
        if self.by_commits == self.history.len() {
            return Vec::new();
        }
        self.by_commits += 1;
        let rev = self.by_commits;
        match random.below(8) {
            0 => vec![hole(who, Some(rev as u64), 0, &[])],
            1 => vec![self.commit(who, rev), self.commit(who, rev)],
            _ => vec![self.commit(who, rev)],
        }
    }

    async fn next_chunk(&mut self, store: &dyn Store, who: u64, alone: bool) -> Vec<Entry> {
        if let Some((_, chunks)) = &mut self.snapshot {
            let next = chunks.pop();
            self.snapshot = self
                .snapshot
                .take()
                .filter(|(_, chunks)| !chunks.is_empty());
            return next.into_iter().collect();
        }
        let broken = state(store, who)
            .await
            .is_some_and(|s| s.status != RepoStatus::Synchronized);
        if !broken || !alone || self.history.is_empty() {
            return Vec::new();
        }
        let chunks = self.snapshot(store, who).await;
        self.snapshot = Some((self.history.len(), chunks));
        // Whoever fetches looks at the archive when nothing is queued, and holds back the commits that the snapshot has.
        self.by_commits = self.history.len();
        vec![resyncing(who)]
    }
}

/// What the archive holds was so at the rev that it says.
async fn check_sound(store: &dyn Store, who: u64, repo: &Repo) {
    for kind in 0..KINDS {
        for record in held(store, who, kind).await {
            let at = (kind, record.rkey.to_string());
            let then = repo
                .history
                .iter()
                .zip(1..)
                .find(|(_, n)| tid(*n) == record.rev);
            let ((_, records), _) = then.expect("a rev of the history");
            assert_eq!(
                records.get(&at),
                Some(&record.cid),
                "{at:?} at {}",
                record.rev
            );
        }
    }
}

async fn archived(store: &dyn Store, who: u64) -> Records {
    let mut records = Records::new();
    for kind in 0..KINDS {
        for record in held(store, who, kind).await {
            records.insert((kind, record.rkey.to_string()), record.cid);
        }
    }
    records
}

/// Everything that is still to be told, without more holes.
async fn finish(store: &dyn Store, who: u64, repo: &mut Repo) {
    while let Some((_, chunks)) = &mut repo.snapshot {
        let next = chunks.pop();
        archive(store, next, 1).await.unwrap();
        repo.snapshot = repo
            .snapshot
            .take()
            .filter(|(_, chunks)| !chunks.is_empty());
    }
    for rev in repo.by_commits + 1..=repo.history.len() {
        archive(store, [repo.commit(who, rev)], 1).await.unwrap();
    }
    for rev in repo.by_stream + 1..=repo.history.len() {
        archive(store, repo.stream(who, rev), 1).await.unwrap();
    }
    if stands(store, who).await.1 != RepoStatus::Synchronized {
        let mut chunks = repo.snapshot(store, who).await;
        chunks.push(resyncing(who));
        chunks.reverse();
        archive(store, chunks, 1).await.unwrap();
    }
}

aviary_tests::on_both!(any_interleaving_ends_in_what_the_repositories_are);

async fn any_interleaving_ends_in_what_the_repositories_are(backend: Backend) {
    let mut fetched = 0;
    for seed in 0..40 {
        let place = Place::new(backend).await;
        let store = place.open(if seed % 2 == 0 { 1 } else { 4 }).await;
        let mut random = Random(seed);
        let mut repos: Vec<Repo> = (0..REPOS).map(|_| Repo::default()).collect();
        archive(&*store, (0..REPOS).map(follow), 1).await.unwrap();
        for _ in 0..60 {
            let mut batch = Vec::new();
            for _ in 0..=random.below(4) {
                let who = random.below(REPOS);
                let repo = &mut repos[usize::try_from(who).unwrap()];
                let alone = batch.is_empty();
                batch.extend(repo.tells(&*store, who, &mut random, alone).await);
            }
            fetched += batch
                .iter()
                .filter(|e| matches!(e, Entry::Resynced(_)))
                .count();
            archive(&*store, batch, 1).await.unwrap();
            for (who, repo) in (0..).zip(&repos) {
                check_sound(&*store, who, repo).await;
            }
        }
        for (who, repo) in (0..).zip(&mut repos) {
            finish(&*store, who, repo).await;
            assert_eq!(
                archived(&*store, who).await,
                repo.now(),
                "seed {seed}, account {who}"
            );
            assert_eq!(stands(&*store, who).await.1, RepoStatus::Synchronized);
        }
    }
    assert!(fetched > 100, "{fetched} snapshots are too few");
}
