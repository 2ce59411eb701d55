//! The simulated network's own promises: cursors, bounds, faults that are counted, and reads that
//! agree with its truth.

mod acts;
mod client;
mod faults;
mod hosts;
mod jetstream;
mod reads;
mod recording;
mod stream;

use aviary_simnet::{Config, Network};

async fn network(config: Config) -> Network {
    Network::start(config).await.unwrap()
}
