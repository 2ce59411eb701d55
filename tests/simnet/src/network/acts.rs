//! Acts that a test chooses, told to the stream or kept from it.

use std::sync::Arc;

use super::{Network, Shared};
use crate::faults::Fault;
use crate::frame::Frame;
use crate::world::World;
use crate::{Error, Result};

impl Network {
    /// Lets one act of the world happen and publishes its event; gives the event's seq.
    ///
    /// `network.tell(move |world| world.rotate_key(&did))`
    pub async fn tell<F>(&self, act: F) -> Result<u64>
    where
        F: FnOnce(&mut World) -> Result<Frame> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.in_background(async move { shared.act(act, true).await })
            .await
    }

    /// As [`Network::tell`], and nobody is told ([`Fault::Lost`]): the stream has a gap in its place.
    pub async fn withhold<F>(&self, act: F) -> Result<u64>
    where
        F: FnOnce(&mut World) -> Result<Frame> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.in_background(async move { shared.act(act, false).await })
            .await
    }
}

impl Shared {
    async fn act<F>(self: Arc<Self>, act: F, told: bool) -> Result<u64>
    where
        F: FnOnce(&mut World) -> Result<Frame> + Send + 'static,
    {
        let _turn = self.emission.lock().await;
        let shared = Arc::clone(&self);
        let made = tokio::task::spawn_blocking(move || act(&mut shared.world()));
        let frame = made
            .await
            .map_err(|error| Error::Inconsistent(format!("the act ended: {error}")))??;
        let seq = frame.seq;
        if told {
            self.publish(frame).await;
        } else {
            self.faults.count(Fault::Lost);
            self.head.send_replace(seq);
        }
        Ok(seq)
    }
}
