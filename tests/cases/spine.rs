//! The whole path over the simulated network: live stream, plugins, rows, XRPC, against the network's own world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aviary_simnet::{Config, Fault, Network};
use aviary_tests::truth::{
    clean_dump_is_the_truth, counts_are_the_truth, lists_are_the_truth, same, visible,
};
use aviary_tests::{Backend, HostProcess, Place, dump, http, on_both, place};
use serde_json::Value;
use tempfile::TempDir;

const PLUGINS: &[&str] = &["statusphere", "posts", "likes"];

async fn network(seed: u64) -> Network {
    let config = Config {
        seed,
        accounts: 40,
        ..Config::default()
    };
    Network::start(config).await.expect("a network")
}

on_both!(
    a_live_stream_becomes_rows_that_answer_queries,
    a_faulty_upstream_costs_nothing_but_its_own_faults,
    a_plugin_that_fails_holds_back_neither_cursor_nor_neighbours
);

/// A host in a folder, with its store in a place.
async fn follow(
    network: &Network,
    plugins: &Path,
    (dir, place): (&TempDir, &Place),
    more: &[&str],
) -> HostProcess {
    let (plugins, store) = (plugins.to_str().expect("utf-8"), place.url());
    let mut args = vec!["--plugins", plugins, "--store", &store];
    args.extend(more);
    HostProcess::follow(network.urls(), &args, dir.path()).await
}

/// Everything that `getStatuses` pages through.
async fn statuses(host: &HostProcess) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!(
            "{}/xrpc/xyz.statusphere.getStatuses?limit=20{cursor}",
            host.url
        );
        let (status, body) = http::get(&url).await;
        assert_eq!(status, 200, "{body}");
        all.extend(
            body["statuses"]
                .as_array()
                .expect("statuses")
                .iter()
                .cloned(),
        );
        match body["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn a_live_stream_becomes_rows_that_answer_queries(backend: Backend) {
    let place = Place::new(backend).await;
    let (network, dir, plugins) = (
        network(1).await,
        tempfile::tempdir().unwrap(),
        place::plugins_dir(PLUGINS),
    );
    network.emit(300).await.unwrap();
    let host = follow(
        &network,
        plugins.path(),
        (&dir, &place),
        &["--archive", "all"],
    )
    .await;
    let seq = network.emit(1_200).await.unwrap();
    host.caught_up(i64::try_from(seq).unwrap()).await;
    let truth = network.truth().unwrap();

    let answered = statuses(&host).await;
    let uris: Vec<String> = answered
        .iter()
        .map(|s| s["uri"].as_str().unwrap().to_owned())
        .collect();
    same(
        &uris.iter().cloned().collect(),
        &visible(&truth, "xyz.statusphere.status"),
        "getStatuses",
    );
    assert_eq!(
        uris.len(),
        uris.iter().collect::<BTreeSet<_>>().len(),
        "a status on two pages"
    );
    let times: Vec<&str> = answered
        .iter()
        .map(|s| s["createdAt"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "not newest first");

    counts_are_the_truth(&host, &truth).await;
    lists_are_the_truth(&host, &truth, "app.bsky.graph.follow").await;
    assert_eq!(host.stop().await, Some(0));
    clean_dump_is_the_truth(&dump::of_place(&place).await, &truth);
}

async fn a_faulty_upstream_costs_nothing_but_its_own_faults(backend: Backend) {
    let place = Place::new(backend).await;
    let (network, dir, plugins) = (
        network(2).await,
        tempfile::tempdir().unwrap(),
        place::plugins_dir(PLUGINS),
    );
    let faults = [
        (Fault::Garbage, 41, "frame"),
        (Fault::Oversize, 301, "frame-too-large"),
        (Fault::CutCar, 37, "car"),
        (Fault::FlippedBlock, 43, "car"),
        (Fault::Duplicate, 29, ""),
        (Fault::UnknownType, 53, ""),
        (Fault::Text, 211, ""),
        (Fault::ErrorFrame, 331, ""),
        (Fault::Close, 90, ""),
    ];
    for (fault, every, _) in faults {
        network.faults().every(fault, every);
    }
    let host = follow(&network, plugins.path(), (&dir, &place), &[]).await;
    let seq = network.emit(1_500).await.unwrap();
    host.caught_up(i64::try_from(seq).unwrap()).await;
    let (truth, health) = (network.truth().unwrap(), host.health().await);
    for (fault, _, reason) in faults {
        assert!(network.faults().fired(fault) > 0, "{fault:?} never fired");
        if !reason.is_empty() {
            assert!(
                health["rejected"][reason].as_u64() > Some(0),
                "{fault:?} was not counted: {health}"
            );
        }
    }
    assert_eq!(host.stop().await, Some(0));
    clean_dump_is_the_truth(&dump::of_place(&place).await, &truth);
}

async fn a_plugin_that_fails_holds_back_neither_cursor_nor_neighbours(backend: Backend) {
    let place = Place::new(backend).await;
    let (network, dir) = (network(3).await, tempfile::tempdir().unwrap());
    let plugins = place::plugins_dir(&["statusphere", "posts", "likes", "aviary_guest_hostile"]);
    let settings = "[plugins.hostile.settings]\nmode = \"trap\"\n";
    std::fs::write(dir.path().join("aviary.toml"), settings).unwrap();
    let host = follow(&network, plugins.path(), (&dir, &place), &[]).await;
    let seq = network.emit(1_200).await.unwrap();
    host.caught_up(i64::try_from(seq).unwrap()).await;
    let health = host.health().await;
    let states: BTreeMap<&str, &str> = health["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["name"].as_str().unwrap(), p["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states["hostile"], "quarantined",
        "the bad plugin was not bad: {health}"
    );
    assert_eq!(states["statusphere"], "running");
    let truth = network.truth().unwrap();
    assert_eq!(host.stop().await, Some(0));
    clean_dump_is_the_truth(&dump::of_place(&place).await, &truth);
}
