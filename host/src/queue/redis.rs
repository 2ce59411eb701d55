//! A queue on Redis Streams: one stream for each partition.
//!
//! Guarantees what [`Queue`] does, and:
//! - every life of the queue has an epoch, which the store numbers; ids are `EPOCH-N`, dense from 1, so that what Redis
//!   lost or what another host wrote is found by whoever appends or reads next: [`QueueError::Lost`];
//! - what is committed is trimmed, and nothing else; entries of an older epoch go when a new one is opened;
//! - Redis that is full, slow, failing or gone makes the appender wait.
//!
//! Entries of an older epoch are never read: what was not committed comes again from the upstream.

mod appender;
mod id;
mod link;
mod reader;
mod room;
mod scripts;
mod state;
mod trimmer;
mod wire;

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::join_all;
use redis::RedisError;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use self::appender::{Appender, Item, Unsent};
use self::link::Link;
use self::reader::Reader;
use self::room::Room;
use self::scripts::Answer;
use self::state::State;
use self::trimmer::Trimmer;
use super::{Batch, Queue, QueueError};
use crate::entry::{Entry, Partition};
use crate::limits;
use crate::telemetry::Counters;

/// Where a queue is, and how large.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://…` or `rediss://…`.
    pub url: String,
    /// What the streams' names begin with: one for each store.
    pub prefix: String,
    /// Of the store.
    pub partitions: u16,
    /// How much may wait.
    pub bounds: RedisBounds,
    /// Where trouble shows.
    pub counters: Arc<Counters>,
}

/// How much may wait in a queue.
#[derive(Clone, Copy, Debug)]
pub struct RedisBounds {
    /// Entries.
    pub entries_max: usize,
    /// Bytes.
    pub bytes_max: usize,
}

impl Default for RedisBounds {
    fn default() -> Self {
        Self {
            entries_max: limits::REDIS_ENTRIES_MAX,
            bytes_max: limits::REDIS_BYTES_MAX,
        }
    }
}

/// A [`Queue`] on Redis, of one epoch.
pub struct RedisQueue {
    state: Arc<State>,
    room: Arc<Room>,
    items: SyncMutex<Option<mpsc::Sender<Item>>>,
    /// Locked by the host consumer alone; the lock is what lets `read` take `&self`.
    reader: Mutex<Reader>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl RedisQueue {
    /// Opens an epoch that [`crate::store::Store::open_epoch`] gave; waits for a Redis that does not do its work.
    ///
    /// # Errors
    /// When the address is not one.
    pub async fn open(options: RedisOptions, epoch: i64) -> Result<Self, QueueError> {
        let client = redis::Client::open(options.url.as_str())
            .map_err(|error| QueueError::Unusable(error.to_string()))?;
        let epoch = u64::try_from(epoch)
            .map_err(|_| QueueError::Unusable(format!("expected an epoch from 1, got {epoch}")))?;
        // In braces: each stream has a slot of its own on a Redis Cluster.
        let key = |p| format!("{{{}:{p}}}", options.prefix);
        let keys: Vec<String> = (0..options.partitions).map(key).collect();
        let counters = &options.counters;
        let link = |what| Link::new(client.clone(), what, Arc::clone(counters));

        let mut opening = link("append");
        while let Err(error) = open_streams(&mut opening, &keys, epoch).await {
            opening.failed(&error).await;
        }
        opening.worked();
        tracing::info!(
            epoch,
            prefix = options.prefix,
            "queue.open: a new epoch of the queue"
        );

        let partitions = keys.len();
        let state = Arc::new(State::new(epoch, keys));
        let room = Arc::new(Room::new(options.bounds, partitions));
        let (items, sent) = mpsc::channel(limits::REDIS_SEND_ENTRIES_MAX);
        let appender = Appender {
            state: Arc::clone(&state),
            room: Arc::clone(&room),
            link: opening,
            unsent: (0..partitions).map(|_| Unsent::default()).collect(),
        };
        let trimmer = Trimmer {
            state: Arc::clone(&state),
            room: Arc::clone(&room),
            link: link("trim"),
            trimmed: vec![0; partitions],
        };
        let reader = Reader {
            state: Arc::clone(&state),
            link: link("read"),
            counters: Arc::clone(counters),
            last: vec![0; partitions],
            turn: 0,
        };
        Ok(Self {
            state,
            room,
            items: SyncMutex::new(Some(items)),
            reader: Mutex::new(reader),
            _tasks: [
                AbortOnDropHandle::new(tokio::spawn(appender.run(sent))),
                AbortOnDropHandle::new(tokio::spawn(trimmer.run())),
            ],
        })
    }

    fn sender(&self) -> Option<mpsc::Sender<Item>> {
        self.items
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn give(&self, partition: Partition, entry: &Entry) -> Result<(), QueueError> {
        let bytes = wire::encode(entry).map_err(|e| QueueError::Unusable(e.to_string()))?;
        let places = self.room.place(bytes.len()).await;
        let (place, on_the_way) = places.ok_or(QueueError::Closed)?;
        // Asked for only now: a closed queue must end when nobody is on the way any more.
        let items = self.sender().ok_or(QueueError::Closed)?;
        let item = Item {
            partition,
            bytes,
            place,
            on_the_way,
        };
        let slot = items.reserve().await.map_err(|_| QueueError::Closed)?;
        self.state.accepted(partition);
        slot.send(item);
        Ok(())
    }
}

/// Opens the epoch in every stream.
async fn open_streams(link: &mut Link, keys: &[String], epoch: u64) -> Result<(), RedisError> {
    let connection = link.connection().await?;
    let opened = keys.iter().map(|key| {
        let connection = connection.clone();
        async move {
            let Answer::Other(found) = scripts::open(connection.clone(), key, epoch, "").await?
            else {
                return Ok(());
            };
            // The store knows of no later epoch: the store is younger than what is there, or somebody else wrote it.
            tracing::warn!(
                key,
                found,
                epoch,
                "queue.replaced: what stands in the stream's place is not of this store"
            );
            match scripts::open(connection, key, epoch, &found).await? {
                Answer::Done { .. } => Ok(()),
                Answer::Other(_) => Err(RedisError::from((
                    redis::ErrorKind::Client,
                    "somebody else writes to the stream",
                ))),
            }
        }
    });
    join_all(opened).await.into_iter().collect()
}

#[async_trait]
impl Queue for RedisQueue {
    async fn append(&self, partition: Partition, entry: Entry) -> Result<(), QueueError> {
        self.state.check()?;
        if usize::from(partition) >= self.state.keys.len() {
            let why = format!("there is no partition {partition}");
            return Err(QueueError::Unusable(why));
        }
        tokio::select! {
            biased;
            lost = self.state.lost() => Err(lost),
            given = self.give(partition, &entry) => {
                if given.is_err() {
                    // The appender of a queue that is lost ends, too: that is not a queue that was closed.
                    self.state.check()?;
                }
                given
            }
        }
    }

    async fn read(&self, limit: usize) -> Result<Option<Batch>, QueueError> {
        let mut reader = self.reader.lock().await;
        tokio::select! {
            biased;
            lost = self.state.lost() => Err(lost),
            batch = reader.next(limit.max(1)) => Ok(batch),
        }
    }

    async fn settle(&self) -> Result<(), QueueError> {
        tokio::select! {
            biased;
            lost = self.state.lost() => Err(lost),
            () = self.state.settled() => Ok(()),
        }
    }

    async fn lost(&self) {
        self.state.lost().await;
    }

    fn close(&self) {
        self.items
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    fn is_committed(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        usize::try_from(self.state.waiting()).unwrap_or(usize::MAX)
    }
}
