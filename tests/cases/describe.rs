//! `com.atproto.repo.describeRepo` over the simulated network: handles count when both ways agree.

use std::collections::BTreeSet;
use std::time::Duration;

use aviary_simnet::{Config, Network, Status, Truth};
use aviary_tests::host::network_environment;
use aviary_tests::{HostProcess, http, place};
use serde_json::{Value, json};

async fn describe(host: &HostProcess, repo: &str) -> (u16, Value) {
    let method = "com.atproto.repo.describeRepo";
    http::get(&format!("{}/xrpc/{method}?repo={repo}", host.url)).await
}

async fn follow(network: &Network, via: &str, dir: &std::path::Path) -> HostProcess {
    let plugins = place::plugins_dir(&["statusphere"]);
    let plugins = plugins.path().to_str().unwrap();
    let store = "sqlite://store.db";
    let args = ["--plugins", plugins, "--archive", "all", "--store", store];
    let mut environment = network_environment(network.urls());
    environment.push(("AVIARY_IDENTITY_TEST_HANDLES_VIA", via.to_owned()));
    HostProcess::with(&args, &environment, dir).await
}

/// Active accounts with records, as the truth has them.
fn active(truth: &Truth) -> Vec<(&String, &str, BTreeSet<&str>)> {
    let accounts = truth.accounts.iter().filter(|(_, a)| a.is_active());
    let described = accounts.map(|(did, account)| {
        let all = account.collections.iter();
        let held = all.filter(|(_, records)| !records.is_empty());
        let names: BTreeSet<&str> = held.map(|(name, _)| name.as_str()).collect();
        (did, account.handle.as_str(), names)
    });
    described
        .filter(|(_, _, names)| !names.is_empty())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_described_as_the_network_knows_them() {
    let network = Network::start(Config::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let host = follow(&network, &network.urls().pds.clone(), dir.path()).await;
    network.emit(500).await.unwrap();
    let did = network.world().active_dids()[1].clone();
    let gone = network.world().active_dids()[2].clone();
    let told = network.tell(move |world| world.rename_account(&did));
    told.await.unwrap();
    let leaving = gone.clone();
    let told = network.tell(move |world| world.set_status(&leaving, Status::Deactivated));
    let seq = told.await.unwrap();
    host.caught_up(i64::try_from(seq).unwrap()).await;

    // A document that was looked up just before the handle changed is kept for a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let truth = network.truth().unwrap();
    let accounts = active(&truth);
    assert!(accounts.len() > 10);
    for (did, handle, names) in accounts.into_iter().take(12) {
        let (status, body) = describe(&host, did).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["did"], **did);
        assert_eq!(body["handle"], handle);
        assert_eq!(body["handleIsCorrect"], true);
        let collections = body["collections"].as_array().unwrap();
        let collections: BTreeSet<&str> = collections.iter().filter_map(Value::as_str).collect();
        assert_eq!(collections, names);
        assert_eq!(body["didDoc"]["id"], **did);
        assert_eq!(
            body["didDoc"]["alsoKnownAs"],
            json!([format!("at://{handle}")])
        );
        assert_eq!(describe(&host, handle).await, (200, body));
    }
    let (status, body) = describe(&host, &gone).await;
    assert_eq!((status, &body["error"]), (400, &json!("RepoNotFound")));
    assert_eq!(host.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_does_not_point_back_is_invalid() {
    let network = Network::start(Config::default()).await.unwrap();
    // The same names in another world are other accounts: what its server says of a handle is another DID.
    let elsewhere = Network::start(Config {
        seed: 99,
        ..Config::default()
    })
    .await
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let host = follow(&network, &elsewhere.urls().pds.clone(), dir.path()).await;
    let seq = network.emit(300).await.unwrap();
    host.caught_up(i64::try_from(seq).unwrap()).await;
    let truth = network.truth().unwrap();
    let theirs = elsewhere.truth().unwrap();
    let mut compared = 0;
    for (did, handle, _) in active(&truth) {
        let named = theirs.accounts.iter().find(|(_, a)| a.handle == handle);
        let Some((other, _)) = named else { continue };
        assert_ne!(other, did);
        let (status, body) = describe(&host, did).await;
        assert_eq!((status, &body["handle"]), (200, &json!("handle.invalid")));
        assert_eq!(body["handleIsCorrect"], false);
        let (status, body) = describe(&host, handle).await;
        assert_eq!(
            status, 400,
            "a handle that nobody claims names nobody: {body}"
        );
        compared += 1;
    }
    assert!(compared > 5, "only {compared} accounts were compared");
    assert_eq!(host.stop().await, Some(0));
}
