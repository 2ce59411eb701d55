//! The network on loopback: the world behind a relay, a PDS, a PLC directory and a Jetstream, each on
//! a port of its own.

mod acts;
mod consumers;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::faults::{Fault, Faults};
use crate::frame::Frame;
use crate::host::{Here, Host, Side};
use crate::jetstream::Jetstream;
use crate::plc::Directory;
use crate::window::Window;
use crate::world::World;
use crate::{Error, Result, Truth, http, jetstream, limits, plc};

use consumers::Consumers;
pub(crate) use consumers::{Admission, Consumer};

/// Where the network listens.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Urls {
    /// The relay: `ws://ADDRESS`, method `/xrpc/com.atproto.sync.subscribeRepos`. The same address
    /// answers `com.atproto.sync` reads over HTTP.
    pub relay: String,
    /// The repositories' host: `http://ADDRESS`; the accounts' DID documents name it.
    pub pds: String,
    /// The PLC directory: `http://ADDRESS`.
    pub plc: String,
    /// The Jetstream: `ws://ADDRESS`, path `/subscribe`.
    pub jetstream: String,
}

impl Urls {
    /// The whole address of the event stream.
    pub fn subscribe(&self) -> String {
        format!("{}/xrpc/com.atproto.sync.subscribeRepos", self.relay)
    }

    /// The relay's address for HTTP.
    pub fn relay_http(&self) -> String {
        self.relay.replacen("ws", "http", 1)
    }
}

/// What every part of the network shares.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) window: Mutex<Window>,
    /// The last published seq.
    pub(crate) head: watch::Sender<u64>,
    pub(crate) faults: Faults,
    pub(crate) consumers: Consumers,
    pub(crate) stop: CancellationToken,
    pub(crate) relay: Host,
    pub(crate) pds: Host,
    pub(crate) directory: Directory,
    pub(crate) jetstream: Jetstream,
    pub(crate) pds_endpoint: String,
    slow_consumer: Duration,
    emission: tokio::sync::Mutex<()>,
    /// Everything that runs for the network, the stream's connections included.
    pub(crate) tasks: TaskTracker,
}

/// A running network. Dropping it stops it at once; [`Network::stop`] waits for its tasks.
pub struct Network {
    shared: Arc<Shared>,
    urls: Urls,
}

impl Network {
    /// Makes the world, binds the listeners and serves. Nothing happens in the world yet.
    pub async fn start(config: Config) -> Result<Network> {
        let relay = TcpListener::bind(config.listen).await?;
        let pds = TcpListener::bind(config.pds_listen).await?;
        let directory = TcpListener::bind(config.plc_listen).await?;
        let jetstream = TcpListener::bind(config.jetstream_listen).await?;
        let urls = Urls {
            relay: format!("ws://{}", relay.local_addr()?),
            pds: format!("http://{}", pds.local_addr()?),
            plc: format!("http://{}", directory.local_addr()?),
            jetstream: format!("ws://{}", jetstream.local_addr()?),
        };
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(&config)?),
            window: Mutex::new(Window::new(config.window_events, config.window_bytes)),
            head: watch::Sender::new(0),
            faults: Faults::default(),
            consumers: Consumers::default(),
            stop: CancellationToken::new(),
            relay: Host::default(),
            pds: Host::default(),
            directory: Directory::default(),
            jetstream: Jetstream::new(config.jetstream_events),
            pds_endpoint: config.pds_endpoint.unwrap_or_else(|| urls.pds.clone()),
            slow_consumer: Duration::from_millis(config.slow_consumer_ms),
            emission: tokio::sync::Mutex::new(()),
            tasks: TaskTracker::new(),
        });
        let network = Network { shared, urls };
        for (listener, side) in [(relay, Side::Relay), (pds, Side::Pds)] {
            let shared = Arc::clone(&network.shared);
            network.serve(listener, http::router(Here { shared, side }));
        }
        network.serve(directory, plc::router(Arc::clone(&network.shared)));
        network.serve(jetstream, jetstream::router(Arc::clone(&network.shared)));
        Ok(network)
    }

    fn serve(&self, listener: TcpListener, router: Router) {
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
        });
        let stop = self.shared.stop.clone();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        self.shared.tasks.spawn(async move {
            let served =
                axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(%error, "a listener of the simulated network ended");
            }
        });
    }

    /// Where it listens.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The knobs and counters of injected faults.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The knobs and counters of what the relay or the PDS answers over HTTP.
    pub fn host(&self, side: Side) -> &Host {
        self.shared.host(side)
    }

    /// The knobs and counters of the PLC directory.
    pub fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    /// The knobs and counters of the Jetstream.
    pub fn jetstream(&self) -> &Jetstream {
        &self.shared.jetstream
    }

    /// The world. The network waits while the guard lives: do not hold it across an await.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    /// The state after the last event. While nothing emits, it is the truth for good.
    pub fn truth(&self) -> Result<Truth> {
        self.world().truth()
    }

    /// The last published seq.
    pub fn seq(&self) -> u64 {
        *self.shared.head.borrow()
    }

    /// Makes `n` events happen and publishes them; gives the last seq. One emission runs at a time.
    /// It waits for connected consumers as `slow_consumer_ms` says. Once begun it ends by itself,
    /// even when the caller stops waiting.
    pub async fn emit(&self, n: u64) -> Result<u64> {
        let shared = Arc::clone(&self.shared);
        self.in_background(async move { shared.emit(n).await })
            .await
    }

    /// Makes `n` events happen that nobody is told of ([`Fault::Lost`]); gives the last seq.
    pub async fn lose(&self, n: u64) -> Result<u64> {
        let shared = Arc::clone(&self.shared);
        self.in_background(async move { shared.lose(n).await })
            .await
    }

    /// Emits `rate` events a second until `stop`, or without a pause if `rate` is 0; gives the last seq.
    pub async fn run(&self, rate: u32, stop: CancellationToken) -> Result<u64> {
        self.run_for(rate, u64::MAX, stop).await
    }

    /// As [`Network::run`], for `events` events at most.
    pub async fn run_for(&self, rate: u32, events: u64, stop: CancellationToken) -> Result<u64> {
        let started = Instant::now();
        let mut emitted = 0;
        while emitted < events && !stop.is_cancelled() && !self.shared.stop.is_cancelled() {
            let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let due = match rate {
                0 => u64::MAX,
                _ => elapsed_us.saturating_mul(u64::from(rate)) / 1_000_000,
            };
            let n = due
                .min(events)
                .saturating_sub(emitted)
                .min(limits::EMIT_BATCH_EVENTS);
            if n == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            }
            self.emit(n).await?;
            emitted += n;
        }
        Ok(self.seq())
    }

    /// Cuts every connection of the stream without a word; gives how many there were.
    pub fn drop_connections(&self) -> usize {
        let dropped = self.shared.consumers.drop_all();
        (0..dropped).for_each(|_| self.shared.faults.count(Fault::Drop));
        dropped
    }

    /// Connections of the stream so far, refused ones too: it rises when a reconnect was heard.
    pub fn accepted(&self) -> u64 {
        self.shared.consumers.accepted()
    }

    /// Connections of the stream that are open.
    pub fn connections(&self) -> usize {
        self.shared.consumers.len()
    }

    /// Waits until every connected consumer was sent the last event, or for `most`; says whether
    /// they all were.
    pub async fn drained(&self, most: Duration) -> bool {
        let seq = self.shared.window().last();
        let all = async {
            while !self.shared.consumers.behind(seq).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(most, all).await.is_ok()
    }

    /// Closes every connection and all listeners, and waits for them.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    async fn in_background(
        &self,
        work: impl Future<Output = Result<u64>> + Send + 'static,
    ) -> Result<u64> {
        let joined = self.shared.tasks.spawn(work).await;
        joined.map_err(|error| Error::Inconsistent(format!("emission ended: {error}")))?
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn host(&self, side: Side) -> &Host {
        match side {
            Side::Relay => &self.relay,
            Side::Pds => &self.pds,
        }
    }

    pub(crate) fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn emit(self: Arc<Self>, n: u64) -> Result<u64> {
        let _turn = self.emission.lock().await;
        let mut left = n;
        while left > 0 && !self.stop.is_cancelled() {
            let batch = left.min(limits::EMIT_BATCH_EVENTS);
            for frame in Arc::clone(&self).make(batch).await? {
                self.publish(frame).await;
            }
            left -= batch;
        }
        Ok(*self.head.borrow())
    }

    async fn lose(self: Arc<Self>, n: u64) -> Result<u64> {
        let _turn = self.emission.lock().await;
        for frame in Arc::clone(&self).make(n).await? {
            self.faults.count(Fault::Lost);
            self.head.send_replace(frame.seq);
        }
        Ok(*self.head.borrow())
    }

    /// Signing is work for a processor: it runs beside the sockets.
    async fn make(self: Arc<Self>, n: u64) -> Result<Vec<Frame>> {
        let made = tokio::task::spawn_blocking(move || {
            let mut world = self.world();
            (0..n)
                .map(|_| world.next_frame())
                .collect::<Result<Vec<_>>>()
        });
        made.await
            .map_err(|error| Error::Inconsistent(format!("the world ended: {error}")))?
    }

    /// Adds a frame to the window, after waiting for consumers that would miss what it pushes out.
    async fn publish(&self, frame: Frame) {
        self.jetstream.append(&frame);
        if self.faults.withholds(&frame) {
            self.head.send_replace(frame.seq);
            return;
        }
        let deadline = Instant::now() + self.slow_consumer;
        let mut frame = Some(frame);
        while let Some(next) = frame.take() {
            frame = self.try_publish(next, deadline);
            if frame.is_some() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    /// Gives the frame back while a consumer is waited for.
    fn try_publish(&self, frame: Frame, deadline: Instant) -> Option<Frame> {
        let mut window = self.window();
        let slow = window
            .would_forget(&frame)
            .map(|seq| self.consumers.behind(seq))
            .unwrap_or_default();
        if !slow.is_empty() && Instant::now() < deadline && !self.stop.is_cancelled() {
            return Some(frame);
        }
        for consumer in slow {
            consumer.too_slow.cancel();
        }
        let seq = frame.seq;
        window.push(frame);
        self.head.send_replace(seq);
        None
    }
}
