//! The queue: one set of cases for memory and Redis, then what becomes of it when Redis is harmed.

mod epochs;
mod harm;
mod host;
mod memory_full;
mod sources;
mod strangers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aviary::entry::{Entry, Partition, Source};
use aviary::queue::{
    Batch, ChannelQueue, Queue, QueueError, RedisBounds, RedisOptions, RedisQueue,
};
use aviary::telemetry::{Counter, Counters};
use aviary_tests::services::{self, RedisPrefix};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);
const PARTITIONS: u16 = 4;

fn entry(n: i64) -> Entry {
    Entry::Mark {
        source: Source("test".into()),
        seq: n,
    }
}

fn number(entry: &Entry) -> i64 {
    match entry {
        Entry::Mark { seq, .. } => *seq,
        other => panic!("not of this test: {other:?}"),
    }
}

/// The numbers of a batch by partition.
fn numbers(batch: &Batch) -> BTreeMap<Partition, Vec<i64>> {
    let mut all: BTreeMap<Partition, Vec<i64>> = BTreeMap::new();
    for (partition, entry) in &batch.entries {
        all.entry(*partition).or_default().push(number(entry));
    }
    all
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

async fn read(queue: &dyn Queue, limit: usize) -> Batch {
    let batch = in_time("a batch", queue.read(limit)).await;
    batch.unwrap().expect("an open queue")
}

/// A server, the queue's keys on it, and how large the queue may be.
#[derive(Clone)]
struct Place {
    url: String,
    prefix: String,
    bounds: RedisBounds,
    counters: Arc<Counters>,
}

impl Place {
    fn new(url: &str, prefix: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: prefix.to_owned(),
            bounds: RedisBounds::default(),
            counters: Arc::new(Counters::new()),
        }
    }

    fn shared(prefix: &RedisPrefix) -> Self {
        Self::new(&services::redis_url(), prefix.as_str())
    }

    async fn open(&self, epoch: i64) -> Arc<RedisQueue> {
        let options = RedisOptions {
            url: self.url.clone(),
            prefix: self.prefix.clone(),
            partitions: PARTITIONS,
            bounds: self.bounds,
            counters: Arc::clone(&self.counters),
        };
        let opened = in_time("an open queue", RedisQueue::open(options, epoch)).await;
        Arc::new(opened.unwrap())
    }

    fn key(&self, partition: Partition) -> String {
        format!("{{{}:{partition}}}", self.prefix)
    }

    async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// Waits until a connection of the queue is in trouble, or none is.
    async fn in_trouble(&self, trouble: bool) {
        let is_so = || async { (self.counters.get(Counter::QueueTrouble) > 0) == trouble };
        aviary_tests::stage::until("trouble, or none", DEADLINE, is_so).await;
    }
}

/// A queue of each kind, with room for so many bytes.
async fn each_kind(bytes_max: usize) -> Vec<(Arc<dyn Queue>, Option<RedisPrefix>)> {
    let channel = ChannelQueue::with_bounds(100_000, bytes_max);
    let prefix = services::redis_prefix();
    let mut place = Place::shared(&prefix);
    place.bounds.bytes_max = bytes_max;
    vec![
        (Arc::new(channel) as Arc<dyn Queue>, None),
        (place.open(1).await, Some(prefix)),
    ]
}

/// Appends `0..count` to every partition, side by side.
fn fill(
    queue: &Arc<dyn Queue>,
    count: i64,
) -> Vec<tokio::task::JoinHandle<Result<(), QueueError>>> {
    let one = |partition| {
        let queue = Arc::clone(queue);
        tokio::spawn(async move {
            for n in 0..count {
                queue.append(partition, entry(n)).await?;
            }
            Ok(())
        })
    };
    (0..PARTITIONS).map(one).collect()
}

/// Reads and commits until `count` entries of each partition came, in order, each once.
async fn all_come(queue: &dyn Queue, count: i64, limit: usize) {
    let mut next = [0_i64; PARTITIONS as usize];
    while next.iter().any(|n| *n < count) {
        let batch = read(queue, limit).await;
        assert!((1..=limit).contains(&batch.entries.len()));
        for (partition, entry) in &batch.entries {
            let next = &mut next[usize::from(*partition)];
            assert_eq!(number(entry), *next, "partition {partition}");
            *next += 1;
        }
        batch.committed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partition_comes_out_as_it_went_in() {
    for limit in [1, 7, 1_024] {
        for (queue, _prefix) in each_kind(1 << 20).await {
            let count = if limit == 1 { 50 } else { 2_000 };
            let filling = fill(&queue, count);
            all_come(&*queue, count, limit).await;
            for done in filling {
                done.await.unwrap().unwrap();
            }
            assert!(queue.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_waits_until_what_was_read_is_committed() {
    // Room for eight small entries.
    for (queue, _prefix) in each_kind(7 * 1_024).await {
        for n in 0..8 {
            in_time("room", queue.append(0, entry(n))).await.unwrap();
        }
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.append(1, entry(8)).await }
        });
        let mut batches = Vec::new();
        let mut got = 0;
        while got < 8 {
            let batch = read(&*queue, 8).await;
            got += batch.entries.len();
            batches.push(batch);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!waiting.is_finished(), "what was read holds its place");
        for batch in batches {
            batch.committed();
        }
        in_time("room", waiting).await.unwrap().unwrap();
        assert_eq!(
            numbers(&read(&*queue, 8).await),
            BTreeMap::from([(1, vec![8])])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_larger_than_the_queue_passes_alone() {
    for (queue, _prefix) in each_kind(2 * 1_024).await {
        let large = Entry::Mark {
            source: Source("x".repeat(1 << 20).into()),
            seq: 1,
        };
        in_time("room", queue.append(0, large)).await.unwrap();
        let batch = read(&*queue, 1).await;
        assert_eq!(number(&batch.entries[0].1), 1);
        batch.committed();
        in_time("room", queue.append(0, entry(2))).await.unwrap();
        assert_eq!(number(&read(&*queue, 1).await.entries[0].1), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_queue_drains_and_takes_nothing() {
    for (queue, _prefix) in each_kind(1 << 20).await {
        for n in 0..5 {
            queue.append(2, entry(n)).await.unwrap();
        }
        queue.close();
        let refused = queue.append(2, entry(9)).await;
        assert!(matches!(refused, Err(QueueError::Closed)), "{refused:?}");
        let mut got = Vec::new();
        while let Some(batch) = in_time("the end", queue.read(3)).await.unwrap() {
            assert!(batch.entries.len() <= 3);
            got.extend(numbers(&batch).remove(&2).unwrap());
            batch.committed();
        }
        assert_eq!(got, [0, 1, 2, 3, 4]);
        assert!(in_time("the end", queue.read(3)).await.unwrap().is_none());
    }
}
