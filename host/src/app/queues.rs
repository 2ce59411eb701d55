//! Opening the queue of the settings, as often as it is lost.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::parts::Parts;
use crate::config::{QueueUrl, Settings};
use crate::queue::{ChannelQueue, Queue, RedisBounds, RedisOptions, RedisQueue};
use crate::store::{StoreError, retry};

/// Opens a queue with nothing in it; none when told to stop. A queue on Redis is a new epoch, and waits for Redis.
///
/// # Errors
/// When the store gives no epoch, or the address is not one.
pub(super) async fn open(
    settings: &Settings,
    parts: &Parts,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Arc<dyn Queue>>> {
    let QueueUrl::Redis { url, prefix } = &settings.queue else {
        return Ok(Some(Arc::new(ChannelQueue::new())));
    };
    let store = &parts.store;
    let epoch = match retry::until_done("epoch", stop, || store.open_epoch()).await {
        Err(StoreError::Closed) if stop.is_cancelled() => return Ok(None),
        epoch => epoch?,
    };
    let options = RedisOptions {
        url: url.clone(),
        prefix: prefix.clone(),
        partitions: store.partitions(),
        bounds: RedisBounds::default(),
        counters: Arc::clone(&parts.counters),
    };
    tokio::select! {
        () = stop.cancelled() => Ok(None),
        queue = RedisQueue::open(options, epoch) => Ok(Some(Arc::new(queue?))),
    }
}
