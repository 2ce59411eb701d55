//! The oracle: seeded runs against a random adversary, with stops and kills of the host in between, and then quiet:
//! every table equals the world.
//!
//! `SOAK_SEEDS` and `SOAK_EVENTS` say how many runs and how long; `cargo xtask soak` sets them. A run that
//! fails names its seed. The world's time is the wall's, so a seed repeats what is done and not its timing.

use std::time::Duration;

use aviary_simnet::{
    Announced, Answer, Config, Document, Fault, Forgery, Junk, Mix, Side, Status, Time,
};
use aviary_tests::stage::until;
use aviary_tests::{Backend, HostProcess, Stage, truth};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;

const RUNS_AT_ONCE: usize = 4;
const STEPS: u64 = 10;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_storm_the_tables_are_the_world() {
    storms(number("SOAK_SEEDS", 20), Backend::Sqlite).await;
}

/// On Postgres and Redis; the adversary deletes the queue, too. A host that was killed keeps its leases for seconds, so
/// that the same storms take longer.
#[tokio::test(flavor = "multi_thread")]
async fn after_every_storm_over_postgres_and_redis_the_tables_are_the_world() {
    storms(number("SOAK_SEEDS", 8), Backend::Postgres).await;
}

async fn storms(seeds: u64, backend: Backend) {
    let events = number("SOAK_EVENTS", 400);
    let (mut running, mut fired) = (JoinSet::new(), 0);
    for seed in 1..=seeds {
        if running.len() >= RUNS_AT_ONCE {
            fired += running.join_next().await.map_or(0, |run| run.unwrap());
        }
        running.spawn(run(backend, seed, events));
    }
    while let Some(run) = running.join_next().await {
        fired += run.unwrap();
    }
    assert!(fired > seeds * 10, "a calm adversary: {fired} faults");
}

/// One run; gives how many faults fired.
async fn run(backend: Backend, seed: u64, events: u64) -> u64 {
    let mut storm = Storm::new(backend, seed).await;
    let mut host = storm.stage.host().await;
    // A repository that nobody follows has nothing to repair: all are heard of before the storm.
    storm.stage.all_post().await;
    storm.stage.settled(&host).await;
    for step in 0..STEPS {
        storm.strike().await;
        let (emitted, ()) = tokio::join!(
            storm.stage.network.emit(events / STEPS),
            storm.strike_queue(&host, step)
        );
        emitted.unwrap();
        if step % 3 == 2 {
            host = storm.restarted(host).await;
        }
    }
    storm.quiet().await;
    eprintln!("seed {seed}: {:?}", storm.done);
    storm.stage.settled(&host).await;
    let truth = storm.stage.network.truth().unwrap();
    assert_eq!(host.stop().await, Some(0), "seed {seed}");
    let dump = storm.stage.dump().await;
    truth::dump_is_the_truth(&dump, &truth);
    storm.fired()
}

struct Storm {
    stage: Stage,
    rng: ChaCha8Rng,
    /// Accounts of which something untrue was said.
    claimed: Vec<String>,
    done: Vec<String>,
}

impl Storm {
    async fn new(backend: Backend, seed: u64) -> Self {
        let mix = Mix {
            // A first commit that is forged is lost: that is another case.
            joins: 0,
            account_statuses: 10,
            ..Mix::default()
        };
        let config = Config {
            seed,
            accounts: 40,
            mix,
            rotate_keys: true,
            time: Time::Wall,
            ..Config::default()
        };
        Self {
            stage: match backend {
                Backend::Sqlite => Stage::new(config).await,
                Backend::Postgres => Stage::on_redis(backend, config).await,
            },
            rng: ChaCha8Rng::seed_from_u64(seed),
            claimed: Vec::new(),
            done: Vec::new(),
        }
    }

    fn somebody(&mut self) -> String {
        let dids = self.stage.dids();
        dids[self.rng.random_range(0..dids.len())].clone()
    }

    /// Two things go wrong, or come right again.
    async fn strike(&mut self) {
        for _ in 0..2 {
            let did = self.somebody();
            match self.rng.random_range(0..3) {
                0 => self.strike_stream(&did),
                1 => self.strike_account(did).await,
                _ => self.strike_servers(),
            }
        }
    }

    /// Deletes a queue on Redis at every second step; the host notices each time.
    async fn strike_queue(&self, host: &HostProcess, step: u64) {
        if step.is_multiple_of(2) {
            return;
        }
        let before = host.counter("queue_lost").await;
        // A queue that is not open yet has nothing to lose: it is deleted again until something was lost.
        let noticed = || async {
            !self.stage.wipe_queue().await || host.counter("queue_lost").await > before
        };
        until("the loss", Duration::from_secs(60), noticed).await;
    }

    fn strike_stream(&mut self, did: &str) {
        let network = &self.stage.network;
        let faults = network.faults();
        let kind = self.rng.random_range(0..7);
        self.done.push(format!("stream {kind}"));
        match kind {
            0 => {
                faults.in_place(self.rng.random());
                faults.every(Fault::CutCar, self.rng.random_range(10..30));
                faults.every(Fault::FlippedBlock, self.rng.random_range(10..30));
            }
            1 => {
                faults.every(Fault::Garbage, 40);
                faults.every(Fault::UnknownType, 20);
                faults.every(Fault::Duplicate, 15);
            }
            2 => drop(network.drop_connections()),
            3 => faults.close_after(self.rng.random_range(20..60)),
            4 => faults.withhold_commits(did, self.rng.random_range(1..4)),
            5 => {
                let (n, in_place) = (self.rng.random_range(8..25), self.rng.random());
                network.world().forge_every(n, &Forgery::ALL, in_place);
            }
            _ => network.world().forge_every(0, &[], false),
        }
    }

    async fn strike_account(&mut self, did: String) {
        let kind = self.rng.random_range(0..7);
        self.done.push(format!("account {kind}"));
        let stage = &self.stage;
        match kind {
            0 => {
                let which = [Announced::New(2), Announced::Older, Announced::Current];
                let which = which[self.rng.random_range(0..3)];
                stage.tell(move |world| world.announce(&did, which)).await;
            }
            1 => {
                let words = [Status::Deleted, Status::Takendown, Status::Other("resting")];
                let word = words[self.rng.random_range(0..3)];
                self.claimed.push(did.clone());
                stage
                    .tell(move |world| world.claim_status(&did, word))
                    .await;
            }
            2 => drop(stage.tell(move |world| world.rotate_key(&did)).await),
            3 => {
                let act = stage.network.withhold(move |world| world.rotate_key(&did));
                act.await.unwrap();
            }
            4 => stage.network.world().write_unheard(&did, 2).unwrap(),
            5 => {
                let kinds = [
                    Junk::Float,
                    Junk::DollarKey,
                    Junk::ManyOps,
                    Junk::LargeRecord,
                ];
                let kind = kinds[self.rng.random_range(0..4)];
                stage.tell(move |world| world.write_junk(&did, kind)).await;
            }
            _ => {
                let word = [Status::Deactivated, Status::Suspended, Status::Deleted];
                let word = word[self.rng.random_range(0..3)];
                stage.tell(move |world| world.set_status(&did, word)).await;
            }
        }
    }

    fn strike_servers(&mut self) {
        let kind = self.rng.random_range(0..8);
        self.done.push(format!("server {kind}"));
        let documents = &self.stage.network.directory().documents;
        let relay = &self.stage.network.host(Side::Relay).repos;
        match kind {
            0 => documents.always(Document::Down),
            1 => documents.always(Document::Late { ms: 300 }),
            2 => documents.next(5, Document::TooMany { retry_after_s: 1 }),
            3 => documents.always(Document::Sound),
            4 => relay.always(Answer::Cut),
            5 => relay.always(Answer::Flipped),
            6 => relay.always(Answer::Refused),
            _ => relay.always(Answer::Sound),
        }
    }

    async fn restarted(&mut self, host: HostProcess) -> HostProcess {
        tokio::time::sleep(Duration::from_millis(self.rng.random_range(0..400))).await;
        if self.rng.random() {
            self.done.push("kill".into());
            host.kill().await;
        } else {
            self.done.push("stop".into());
            assert_eq!(host.stop().await, Some(0));
        }
        self.stage.host().await
    }

    /// Everything is sound again, every lie is taken back, and everybody writes, so that each hole shows.
    async fn quiet(&mut self) {
        let network = &self.stage.network;
        let faults = network.faults();
        for fault in [
            Fault::CutCar,
            Fault::FlippedBlock,
            Fault::Garbage,
            Fault::UnknownType,
            Fault::Duplicate,
            Fault::Close,
        ] {
            faults.every(fault, 0);
        }
        network.world().forge_every(0, &[], false);
        network.directory().documents.next(0, Document::Sound);
        network.directory().documents.always(Document::Sound);
        network.host(Side::Relay).repos.always(Answer::Sound);
        for did in std::mem::take(&mut self.claimed) {
            let truth = network.truth().unwrap();
            let status = truth.accounts[&did].status;
            let act = move |world: &mut aviary_simnet::World| world.claim_status(&did, status);
            self.stage.tell(act).await;
        }
        for did in self.stage.dids() {
            network.faults().withhold_commits(&did, 0);
        }
        self.stage.all_post().await;
    }

    fn fired(&self) -> u64 {
        let network = &self.stage.network;
        let of_stream = [
            Fault::Garbage,
            Fault::Duplicate,
            Fault::UnknownType,
            Fault::CutCar,
            Fault::FlippedBlock,
            Fault::Close,
            Fault::Drop,
            Fault::Lost,
            Fault::Forged,
        ];
        let documents = &network.directory().documents;
        let relay = &network.host(Side::Relay).repos;
        of_stream
            .map(|fault| network.faults().fired(fault))
            .iter()
            .sum::<u64>()
            + documents.given(Document::Down)
            + documents.given(Document::Late { ms: 300 })
            + relay.given(Answer::Cut)
            + relay.given(Answer::Flipped)
            + relay.given(Answer::Refused)
    }
}
