//! SIGKILL at random moments under a live stream, again and again: the end equals an uninterrupted run.

use std::path::Path;
use std::time::Duration;

use aviary_simnet::{Config, Network};
use aviary_tests::stage::until;
use aviary_tests::{Backend, HostProcess, Place, dump, on_both, place};

/// Kills in one run. Each is proven by the child's exit status. On Postgres the next host waits for the lease.
fn kills(backend: Backend) -> u32 {
    match backend {
        Backend::Sqlite => 24,
        Backend::Postgres => 12,
    }
}

/// Deterministic, spread over the first moments of a host's life, in which it catches up, follows, and saves cursors
/// (one a second).
fn moment(kill: u32) -> Duration {
    Duration::from_millis(u64::from(kill.wrapping_mul(2_654_435_761) % 1_600))
}

async fn serve(network: &Network, plugins: &str, place: &Place, dir: &Path) -> HostProcess {
    let store = place.url();
    let args = ["--plugins", plugins, "--store", &store, "--archive", "all"];
    HostProcess::follow(network.urls(), &args, dir).await
}

on_both!(killed_at_any_moment_it_ends_as_if_it_had_not_been);

async fn killed_at_any_moment_it_ends_as_if_it_had_not_been(backend: Backend) {
    let kills = kills(backend);
    let config = Config {
        seed: 7,
        accounts: 60,
        ..Config::default()
    };
    let network = Network::start(config).await.unwrap();
    let plugins = place::plugins_dir(&["statusphere", "posts", "likes"]);
    let plugins = plugins.path().to_str().unwrap();
    let (killed, whole) = (Place::new(backend).await, Place::new(backend).await);

    let dir = tempfile::tempdir().unwrap();

    let mut cursors = Vec::new();
    for kill in 0..kills {
        network.emit(150).await.unwrap();
        let host = serve(&network, plugins, &killed, dir.path()).await;
        let emitting = network.emit(150);
        let killing = async {
            if kill % 2 == 1 {
                // However busy the machine is, every other host has done something.
                let last: Option<i64> = cursors.last().copied().flatten();
                until("the cursor moves", Duration::from_secs(60), async || {
                    host.health().await["cursor"].as_i64() > last
                })
                .await;
            }
            tokio::time::sleep(moment(kill)).await;
            cursors.push(host.health().await["cursor"].as_i64());
            host.kill().await;
        };
        let (emitted, ()) = tokio::join!(emitting, killing);
        emitted.unwrap();
    }
    assert_eq!(cursors.len(), kills as usize);
    let moved = cursors.windows(2).filter(|w| w[0] < w[1]).count();
    assert!(
        moved >= kills as usize / 5,
        "the hosts were killed before they did anything: {cursors:?}"
    );
    assert!(
        cursors.windows(2).all(|w| w[0] <= w[1]),
        "the saved cursor went back: {cursors:?}"
    );

    let seq = i64::try_from(network.emit(50).await.unwrap()).unwrap();
    for place in [&killed, &whole] {
        let host = serve(&network, plugins, place, dir.path()).await;
        host.caught_up(seq).await;
        assert_eq!(host.stop().await, Some(0));
    }
    let (killed, whole) = (dump::of_place(&killed).await, dump::of_place(&whole).await);
    assert!(whole["likes.likes"].len() > 1_000, "too little to compare");
    dump::assert_same(&dump::settled(killed), &dump::settled(whole));
}
