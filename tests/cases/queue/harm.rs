//! Redis killed, emptied, robbed of its tail, stopped: either nothing is lost, or the queue says that something is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aviary::queue::{Queue, QueueError};
use aviary_tests::services::PrivateRedis;

use super::{Place, all_come, entry, fill, in_time, read};

/// Without `always` what was answered may be written a second or two later, and a kill takes it.
const AOF: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

fn place(redis: &PrivateRedis) -> Place {
    Place::new(&redis.url(), "harmed")
}

/// The queue says on all sides that it is lost, and another epoch works.
async fn is_lost(queue: &Arc<dyn Queue>, place: &Place, epoch: i64) {
    in_time("the loss", queue.lost()).await;
    let appended = queue.append(0, entry(0)).await;
    assert!(matches!(appended, Err(QueueError::Lost(_))), "{appended:?}");
    assert!(matches!(queue.read(1).await, Err(QueueError::Lost(_))));
    assert!(matches!(queue.settle().await, Err(QueueError::Lost(_))));
    let next: Arc<dyn Queue> = place.open(epoch).await;
    let filling = fill(&next, 50);
    all_come(&*next, 50, 64).await;
    for done in filling {
        done.await.unwrap().unwrap();
    }
}

async fn flush(redis: &PrivateRedis) {
    let mut connection = redis.connect().await;
    let () = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_under_load_it_is_lost_and_says_so() {
    let redis = PrivateRedis::start(&[]).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let filling = fill(&queue, i64::MAX);
    let mut read_before = 0;
    while read_before < 1_000 {
        let batch = read(&*queue, 256).await;
        read_before += batch.entries.len();
        batch.committed();
    }
    flush(&redis).await;
    for ended in filling {
        let ended = in_time("the appenders' end", ended).await.unwrap();
        assert!(matches!(ended, Err(QueueError::Lost(_))), "{ended:?}");
    }
    is_lost(&queue, &place, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_while_nothing_comes_it_says_so_too() {
    for read_all in [false, true] {
        let redis = PrivateRedis::start(&[]).await;
        let place = place(&redis);
        let queue: Arc<dyn Queue> = place.open(1).await;
        queue.append(0, entry(0)).await.unwrap();
        let batch = read(&*queue, 1).await;
        batch.committed();
        if !read_all {
            queue.append(1, entry(0)).await.unwrap();
        }
        flush(&redis).await;
        is_lost(&queue, &place, 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_a_redis_with_a_log_loses_nothing() {
    let mut redis = PrivateRedis::start(&AOF).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let count = 20_000;
    let filling = fill(&queue, count);
    let reading = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { all_come(&*queue, count, 64).await }
    });
    for _ in 0..3 {
        redis.kill().await;
        place.in_trouble(true).await;
        redis.restart().await;
        place.in_trouble(false).await;
    }
    in_time("all entries", reading).await.unwrap();
    for done in filling {
        done.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_without_a_log_it_is_lost_and_says_so() {
    let mut redis = PrivateRedis::start(&[]).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let filling = fill(&queue, i64::MAX);
    read(&*queue, 256).await.committed();
    redis.kill().await;
    place.in_trouble(true).await;
    redis.restart().await;
    for ended in filling {
        let ended = in_time("the appenders' end", ended).await.unwrap();
        assert!(matches!(ended, Err(QueueError::Lost(_))), "{ended:?}");
    }
    is_lost(&queue, &place, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn robbed_of_the_tail_of_its_log_it_is_lost_and_says_so() {
    let mut redis = PrivateRedis::start(&AOF).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    for done in fill(&queue, 100) {
        done.await.unwrap().unwrap();
    }
    // All are with Redis: they can be read, and stay.
    let mut batches = Vec::new();
    let mut got = 0;
    while got < 400 {
        let batch = read(&*queue, 64).await;
        got += batch.entries.len();
        batches.push(batch);
    }
    redis.kill().await;
    let log = newest_log(&redis.dir().join("appendonlydir"));
    let length = std::fs::metadata(&log).unwrap().len();
    let file = std::fs::File::options().write(true).open(&log).unwrap();
    file.set_len(length - 100).unwrap();
    redis.restart().await;
    is_lost(&queue, &place, 2).await;
}

fn newest_log(dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path());
    let mut logs: Vec<PathBuf> = files
        .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .collect();
    logs.sort();
    logs.pop().expect("a log")
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_for_a_while_it_only_makes_everybody_wait() {
    let redis = PrivateRedis::start(&[]).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let count = 10_000;
    let filling = fill(&queue, count);
    redis.pause();
    // Longer than an answer may take: what is asked meanwhile is asked twice, and done once.
    place.in_trouble(true).await;
    redis.resume();
    all_come(&*queue, count, 64).await;
    for done in filling {
        done.await.unwrap().unwrap();
    }
    place.in_trouble(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_clients_paused_it_only_makes_everybody_wait() {
    let redis = PrivateRedis::start(&[]).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let mut connection = redis.connect().await;
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(1_500);
    let () = pause.query_async(&mut connection).await.unwrap();
    let begun = std::time::Instant::now();
    let filling = fill(&queue, 1_000);
    all_come(&*queue, 1_000, 64).await;
    assert!(
        begun.elapsed() > Duration::from_secs(1),
        "it was not paused"
    );
    for done in filling {
        done.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn made_a_replica_it_takes_nothing_and_everybody_waits() {
    let redis = PrivateRedis::start(&[]).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let mut connection = redis.connect().await;
    let mut of_nobody = redis::cmd("REPLICAOF");
    of_nobody.arg("127.0.0.1").arg(1);
    let () = of_nobody.query_async(&mut connection).await.unwrap();
    let filling = fill(&queue, 1_000);
    place.in_trouble(true).await;
    let mut alone = redis::cmd("REPLICAOF");
    alone.arg("NO").arg("ONE");
    let () = alone.query_async(&mut connection).await.unwrap();
    all_come(&*queue, 1_000, 64).await;
    for done in filling {
        done.await.unwrap().unwrap();
    }
    place.in_trouble(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_opened_when_its_redis_comes() {
    let mut redis = PrivateRedis::start(&[]).await;
    let place = place(&redis);
    redis.kill().await;
    let opening = tokio::spawn({
        let place = place.clone();
        async move { place.open(1).await }
    });
    place.in_trouble(true).await;
    redis.restart().await;
    let queue: Arc<dyn Queue> = opening.await.unwrap();
    queue.append(0, entry(0)).await.unwrap();
    assert_eq!(read(&*queue, 1).await.entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unable_to_write_its_files_it_takes_nothing_and_everybody_waits() {
    let redis = PrivateRedis::start(&["--save", "3600 100000000"]).await;
    let place = place(&redis);
    let queue: Arc<dyn Queue> = place.open(1).await;
    let mut connection = redis.connect().await;
    std::fs::remove_dir_all(redis.dir()).unwrap();
    let () = redis::cmd("BGSAVE")
        .query_async(&mut connection)
        .await
        .unwrap();
    in_time("a write that is refused", async {
        let mut set = redis::cmd("SET");
        set.arg("k").arg("v");
        while set.query_async::<()>(&mut connection).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let refused = set.query_async::<()>(&mut connection).await.unwrap_err();
        assert_eq!(refused.code(), Some("MISCONF"));
    })
    .await;
    let filling = fill(&queue, 1_000);
    place.in_trouble(true).await;
    let mut go_on = redis::cmd("CONFIG");
    go_on
        .arg("SET")
        .arg("stop-writes-on-bgsave-error")
        .arg("no");
    let () = go_on.query_async(&mut connection).await.unwrap();
    all_come(&*queue, 1_000, 64).await;
    for done in filling {
        done.await.unwrap().unwrap();
    }
    place.in_trouble(false).await;
}
