//! A Redis whose memory is full: appending waits, reading and trimming go on and make room.

use std::sync::Arc;

use aviary::atproto::{Cid, Did, Nsid, RecordKey, Tid};
use aviary::entry::{Action, Commit, Entry, Op, Source, Trust};
use aviary::queue::Queue;
use aviary_tests::services::{self, PrivateRedis};
use redis::aio::MultiplexedConnection;

use super::{Place, number, read};

/// Entries that do not fit by far.
const COUNT: i64 = 400;
const ENTRY_BYTES: usize = 64 << 10;
const ROOM_BYTES: u64 = 6 << 20;

async fn bound(redis: &mut MultiplexedConnection, bytes: u64) {
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory").arg(bytes);
    let () = set.query_async(redis).await.unwrap();
}

async fn used(redis: &mut MultiplexedConnection) -> u64 {
    let mut info = redis::cmd("INFO");
    let text: String = info.arg("memory").query_async(redis).await.unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix("used_memory:"));
    line.unwrap().trim().parse().unwrap()
}

fn large(n: i64) -> Entry {
    // No two alike, so that nothing is gained by packing.
    let noise: String = (0..ENTRY_BYTES)
        .map(|i| char::from(b'a' + (i as u8 ^ n as u8) % 26))
        .collect();
    Entry::Mark {
        source: Source(noise.into()),
        seq: n,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_it_refuses_appends_and_nothing_is_lost() {
    let redis = PrivateRedis::start(&["--maxmemory-policy", "noeviction"]).await;
    let place = Place::new(&redis.url(), "full");
    let queue: Arc<dyn Queue> = place.open(1).await;
    let mut connection = redis.connect().await;
    let base = used(&mut connection).await;
    bound(&mut connection, base + ROOM_BYTES).await;

    let filling = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move {
            for n in 0..COUNT {
                queue.append(0, large(n)).await.unwrap();
            }
        }
    });
    place.in_trouble(true).await;
    let mut next = 0;
    while next < COUNT {
        let batch = read(&*queue, 16).await;
        for (_, entry) in &batch.entries {
            assert_eq!(number(entry), next);
            next += 1;
        }
        batch.committed();
    }
    filling.await.unwrap();
    place.in_trouble(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_of_an_older_epoch_it_takes_a_new_one() {
    let redis = PrivateRedis::start(&["--maxmemory-policy", "noeviction"]).await;
    let place = Place::new(&redis.url(), "full");
    let old: Arc<dyn Queue> = place.open(1).await;
    for n in 0..100 {
        old.append(0, large(n)).await.unwrap();
    }
    let mut got = 0;
    let mut batches = Vec::new();
    while got < 100 {
        let batch = read(&*old, 16).await;
        got += batch.entries.len();
        batches.push(batch);
    }
    let mut connection = redis.connect().await;
    let base = used(&mut connection).await;
    bound(&mut connection, base - (1 << 20)).await;
    let mut write = redis::cmd("SET");
    let refused = write
        .arg("x")
        .arg("y")
        .query_async::<()>(&mut connection)
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("OOM"), "it is full");

    let queue: Arc<dyn Queue> = place.open(2).await;
    queue.append(0, large(7)).await.unwrap();
    assert_eq!(number(&read(&*queue, 1).await.entries[0].1), 7);
}

/// A commit with one record of the size of a like.
fn usual(n: usize) -> Entry {
    let body = vec![u8::try_from(n % 251).unwrap(); 230];
    let cid = Cid::of_dag_cbor(&body);
    let rev = Tid::parse("3jzfcijpj2z2a").unwrap();
    let op = Op {
        collection: Nsid::parse("app.bsky.feed.like").unwrap(),
        rkey: RecordKey::parse(rev.as_str()).unwrap(),
        action: Action::Put {
            cid,
            body: body.into(),
        },
    };
    Entry::Commit(Commit {
        did: Did::parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap(),
        rev,
        since: Some(rev),
        data: Some(cid),
        trust: Trust::Verified,
        source: Source("wss://bsky.network".into()),
        seq: 10_000_000_000,
        ops: vec![op],
        rejected: Vec::new(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usual_event_takes_less_than_a_kilobyte() {
    const EVENTS: usize = 10_000;
    let prefix = services::redis_prefix();
    let place = Place::shared(&prefix);
    let queue: Arc<dyn Queue> = place.open(1).await;
    for n in 0..EVENTS {
        queue.append(0, usual(n)).await.unwrap();
    }
    let mut batches = Vec::new();
    let mut got = 0;
    while got < EVENTS {
        let batch = read(&*queue, 1_024).await;
        got += batch.entries.len();
        batches.push(batch);
    }
    let mut usage = redis::cmd("MEMORY");
    usage.arg("USAGE").arg(place.key(0)).arg("SAMPLES").arg(0);
    let bytes: usize = usage.query_async(&mut place.connect().await).await.unwrap();
    assert!(bytes > EVENTS * 230, "all of them are there");
    assert!(bytes / EVENTS < 1_024, "{} bytes for each", bytes / EVENTS);
}
