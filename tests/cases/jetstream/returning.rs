//! Accounts that come back: a followed one is fetched, for no stream tells what it did while it was away.

use std::path::Path;

use aviary_simnet::{Network, Status};
use aviary_tests::host::{command, network_environment};
use aviary_tests::place;

use super::product::{caught_up, follow, present, rows_are_the_truth};

/// A store that follows every repository of the network.
async fn backfilled(network: &Network, dir: &Path) {
    let plugins = place::plugins_dir(&["statusphere", "likes"]);
    let plugins = plugins.path().to_str().unwrap();
    let pds = &network.urls().pds;
    let args = [
        "backfill",
        "--pds",
        pds,
        "--plugins",
        plugins,
        "--store",
        "sqlite://store.db",
    ];
    let environment = network_environment(network.urls());
    let output = command(&args, dir).envs(environment).output().await;
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

async fn says(network: &Network, did: &str, status: Status) {
    let did = did.to_owned();
    let told = network.tell(move |world| world.set_status(&did, status));
    told.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_did_while_it_was_away_is_fetched_when_it_returns() {
    let network = present(77).await;
    network.emit(300).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    backfilled(&network, dir.path()).await;
    let host = follow(&network, &[], dir.path()).await;
    caught_up(&host, &network).await;
    assert_eq!(host.counter("resyncs").await, 0);
    let dids = network.world().active_dids();

    // Who never left is not fetched, whatever is said.
    says(&network, &dids[1], Status::Active).await;
    caught_up(&host, &network).await;
    assert_eq!(host.counter("resyncs").await, 0);

    // Archived as away before it returns, and both words on their way at once.
    for (fetched, (did, at_once)) in (1..).zip([(&dids[2], false), (&dids[3], true)]) {
        network.world().write_unheard(did, 2).unwrap();
        says(&network, did, Status::Deactivated).await;
        if !at_once {
            caught_up(&host, &network).await;
        }
        says(&network, did, Status::Active).await;
        caught_up(&host, &network).await;
        assert_eq!(host.counter("resyncs").await, fetched, "{did}");
        assert_eq!(host.counter("repos_desynchronized").await, fetched, "{did}");
    }
    assert_eq!(host.stop().await, Some(0));
    rows_are_the_truth(dir.path(), &network.truth().unwrap()).await;
}
