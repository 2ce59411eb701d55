//! SIGKILL at random moments under a live stream, again and again: the end equals an uninterrupted run.

use std::time::Duration;

use aviary_simnet::{Config, Network};
use aviary_tests::{HostProcess, dump, place};

/// Kills in one run. Each is proven by the child's exit status.
const KILLS: u32 = 24;

/// Deterministic, spread over the first moments of a host's life, in which it catches up, follows, and saves cursors
/// (one a second).
fn moment(kill: u32) -> Duration {
    Duration::from_millis(u64::from(kill.wrapping_mul(2_654_435_761) % 1_600))
}

async fn serve(network: &Network, plugins: &str, dir: &std::path::Path) -> HostProcess {
    let args = [
        "--plugins",
        plugins,
        "--store",
        "sqlite://store.db",
        "--archive",
        "all",
    ];
    HostProcess::follow(network.urls(), &args, dir).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_ends_as_if_it_had_not_been() {
    let config = Config {
        seed: 7,
        accounts: 60,
        ..Config::default()
    };
    let network = Network::start(config).await.unwrap();
    let plugins = place::plugins_dir(&["statusphere", "posts", "likes"]);
    let plugins = plugins.path().to_str().unwrap();
    let (killed, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let mut cursors = Vec::new();
    for kill in 0..KILLS {
        network.emit(150).await.unwrap();
        let host = serve(&network, plugins, killed.path()).await;
        let emitting = network.emit(150);
        let killing = async {
            tokio::time::sleep(moment(kill)).await;
            cursors.push(host.health().await["cursor"].as_i64());
            host.kill().await;
        };
        let (emitted, ()) = tokio::join!(emitting, killing);
        emitted.unwrap();
    }
    assert_eq!(cursors.len(), KILLS as usize);
    let moved = cursors.windows(2).filter(|w| w[0] < w[1]).count();
    assert!(
        moved >= 5,
        "the hosts were killed before they did anything: {cursors:?}"
    );
    assert!(
        cursors.windows(2).all(|w| w[0] <= w[1]),
        "the saved cursor went back: {cursors:?}"
    );

    let seq = i64::try_from(network.emit(50).await.unwrap()).unwrap();
    for dir in [&killed, &whole] {
        let host = serve(&network, plugins, dir.path()).await;
        host.caught_up(seq).await;
        assert_eq!(host.stop().await, Some(0));
    }
    let (killed, whole) = (
        dump::of(&killed.path().join("store.db")).await,
        dump::of(&whole.path().join("store.db")).await,
    );
    assert!(whole["likes.likes"].len() > 1_000, "too little to compare");
    dump::assert_same(&dump::settled(killed), &dump::settled(whole));
}
