//! The host's Jetstream source: against what the production one sent, and live against the simulated one.

mod golden;
mod live;
mod product;
mod returning;
mod trouble;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aviary::clock::Clock;
use aviary::entry::{Action, Desync, Entry, Source, Trust};
use aviary::ingest::{
    Compression, Deadlines, Events, EventsParts, Gap, IngestError, JetstreamOptions, Pulse,
    run_jetstream,
};
use aviary::queue::{ChannelQueue, Queue};
use aviary::telemetry::{Counter, Counters};
use aviary_simnet::{Network, Truth};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What an archive would hold: by DID and path the latest rev, and the record's CID unless it is gone.
#[derive(Default)]
struct Held {
    records: BTreeMap<(String, String), (String, Option<String>)>,
    desyncs: Vec<Desync>,
    identities: usize,
    accounts: usize,
    entries: usize,
    mark_us: i64,
}

impl Held {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Records(records) => {
                assert_eq!(records.trust, Trust::UnverifiedStream);
                for op in records.ops {
                    let path = format!("{}/{}", op.collection, op.rkey);
                    let cid = match op.action {
                        Action::Put { cid, body } => {
                            assert!(cid.matches(&body), "{path}: the body is another's");
                            Some(cid.to_string())
                        }
                        Action::Delete => None,
                    };
                    let place = self.records.entry((records.did.to_string(), path));
                    let state = (records.rev.to_string(), cid);
                    let held = place.or_insert_with(|| state.clone());
                    if state.0 >= held.0 {
                        *held = state;
                    }
                }
                self.entries += 1;
            }
            Entry::Desync(desync) => self.desyncs.push(desync),
            Entry::Identity(_) => self.identities += 1,
            Entry::Account(_) => self.accounts += 1,
            Entry::Mark { seq, .. } => self.mark_us = self.mark_us.max(seq),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// The CIDs of one account's records that are there.
    fn of(&self, did: &str) -> BTreeMap<&str, &str> {
        let all = self.records.iter().filter(|((owner, _), _)| owner == did);
        all.filter_map(|((_, path), (_, cid))| Some((path.as_str(), cid.as_deref()?)))
            .collect()
    }

    /// Every active account's records of these collections are those of the truth.
    fn agrees_with(&self, truth: &Truth, collections: &[&str]) {
        let mut compared = 0;
        for (did, account) in truth.accounts.iter().filter(|(_, a)| a.is_active()) {
            let mut expected = BTreeMap::new();
            for (collection, rkey, record) in account.visible() {
                if collections.contains(&collection) {
                    expected.insert(format!("{collection}/{rkey}"), record.cid.as_str());
                }
            }
            compared += expected.len();
            let mut held = self.of(did);
            held.retain(|path, _| {
                let collection = path.split_once('/').map(|(collection, _)| collection);
                collection.is_some_and(|collection| collections.contains(&collection))
            });
            let held: BTreeMap<String, &str> = held
                .into_iter()
                .map(|(path, cid)| (path.to_owned(), cid))
                .collect();
            assert_eq!(held, expected, "{did}");
        }
        assert!(compared > 20, "only {compared} records were compared");
    }
}

/// A running source, and what came out of it.
struct Follower {
    wanted: watch::Sender<Vec<String>>,
    counters: Arc<Counters>,
    gaps: Arc<Mutex<Vec<Gap>>>,
    held: Arc<Mutex<Held>>,
    stop: CancellationToken,
    source: JoinHandle<Result<Events, IngestError>>,
    queue: Arc<dyn Queue>,
}

fn patterns(patterns: &[&str]) -> Vec<String> {
    patterns
        .iter()
        .map(|pattern| (*pattern).to_owned())
        .collect()
}

fn parts(queue: &Arc<dyn Queue>, counters: &Arc<Counters>) -> EventsParts {
    EventsParts {
        queue: Arc::clone(queue),
        partitions: 2,
        counters: Arc::clone(counters),
        clock: Clock::system(),
        identities: None,
        pulse: Arc::new(Pulse::new(Clock::system())),
        prover: None,
        returns: None,
    }
}

impl Follower {
    fn start(
        network: &Network,
        wanted: &[&str],
        compression: Compression,
        cursor: Option<i64>,
    ) -> Self {
        let counters = Arc::new(Counters::new());
        let queue: Arc<dyn Queue> = Arc::new(ChannelQueue::new());
        let (gaps, held): (Arc<Mutex<Vec<Gap>>>, Arc<Mutex<Held>>) = Default::default();
        let (wanted, receiver) = watch::channel(patterns(wanted));
        let url = network.urls().jetstream.clone();
        let options = JetstreamOptions {
            shown: url.clone(),
            url,
            deadlines: Deadlines {
                ping_after: Duration::from_millis(500),
                read: Duration::from_secs(2),
            },
            compression,
            on_gap: {
                let gaps = Arc::clone(&gaps);
                Arc::new(move |gap| gaps.lock().unwrap().push(gap))
            },
            tries_max: None,
        };
        let source = Source(options.shown.as_str().into());
        let events = Events::new(source, parts(&queue, &counters), cursor);
        let stop = CancellationToken::new();
        let source = tokio::spawn(run_jetstream(options, events, receiver, stop.clone()));
        tokio::spawn({
            let (queue, held) = (Arc::clone(&queue), Arc::clone(&held));
            async move {
                while let Ok(Some(batch)) = queue.read(256).await {
                    let mut held = held.lock().unwrap();
                    for (_, entry) in &batch.entries {
                        held.take(entry.clone());
                    }
                }
            }
        });
        Self {
            wanted,
            counters,
            gaps,
            held,
            stop,
            source,
            queue,
        }
    }

    fn gaps(&self) -> Vec<Gap> {
        self.gaps.lock().unwrap().clone()
    }

    fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    /// Waits until the mark has reached the network's last event: one that every filter lets through.
    async fn caught_up(&self, network: &Network) {
        let did = network.world().active_dids()[0].clone();
        let told = network.tell(move |world| world.rename_account(&did));
        told.await.unwrap();
        let last_us = network.jetstream().last_us() as i64;
        until(|| self.held.lock().unwrap().mark_us >= last_us).await;
    }

    /// Stops it and gives what it held at the end.
    async fn end(self) -> Held {
        self.stop.cancel();
        self.source.await.unwrap().unwrap();
        self.queue.close();
        until(|| self.queue.is_empty()).await;
        std::mem::take(&mut *self.held.lock().unwrap())
    }
}

/// Waits for a condition, loudly in vain after twenty seconds.
async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited for twenty seconds in vain");
}
