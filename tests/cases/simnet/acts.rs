//! Chosen acts: one event of one account, told or withheld, true or not.

use std::time::Duration;

use aviary_simnet::{Announced, Config, Fault, Forgery, Side, Status};
use serde_json::json;

use super::client::{Client, Got, get_json};
use super::network;

#[tokio::test]
async fn a_forged_commit_comes_before_the_sound_one_or_in_its_place() {
    let network = network(Config::default()).await;
    let did = network.world().active_dids()[3].clone();
    let mut client = Client::connect(&network, None).await;
    for (in_place, messages) in [(false, 2), (true, 1)] {
        let did = did.clone();
        let forged = network.tell(move |world| world.forge(&did, Forgery::HighS, in_place));
        let seq = forged.await.unwrap();
        assert_eq!(client.seqs(messages).await, vec![seq; messages]);
    }
    assert_eq!(client.next().await, Got::Quiet);
    assert_eq!(network.faults().fired(Fault::Forged), 2);
    let truth = network.truth().unwrap();
    let statuses = &truth.accounts[&did].collections["xyz.statusphere.status"];
    assert_eq!(statuses.len(), 4, "the world moved on by both commits");
}

#[tokio::test]
async fn the_next_commits_of_one_account_are_withheld() {
    let network = network(Config::default()).await;
    let dids = network.world().active_dids();
    let mut client = Client::connect(&network, None).await;
    network.faults().withhold_commits(&dids[0], 2);
    for did in [&dids[0], &dids[1], &dids[0], &dids[0]] {
        let did = did.clone();
        let posted = network.tell(move |world| world.post_statuses(&did, 1));
        posted.await.unwrap();
    }
    assert_eq!(client.seqs(2).await, [2, 4]);
    assert_eq!(network.faults().fired(Fault::Lost), 2);
    assert!(network.drained(Duration::from_secs(60)).await);
    let did = dids[0].clone();
    network
        .withhold(move |world| world.rotate_key(&did))
        .await
        .unwrap();
    assert_eq!(client.next().await, Got::Quiet);
    assert_eq!(network.faults().fired(Fault::Lost), 3);
}

#[tokio::test]
async fn a_sync_announces_what_was_chosen() {
    let network = network(Config::default()).await;
    let did = network.world().active_dids()[0].clone();
    network.world().write_unheard(&did, 1).unwrap();
    let rev = || network.truth().unwrap().accounts[&did].latest.clone();
    let mut client = Client::connect(&network, None).await;
    let mut announced = Vec::new();
    for which in [Announced::Current, Announced::New(3), Announced::Older] {
        let before = rev();
        let did = did.clone();
        let told = network.tell(move |world| world.announce(&did, which));
        told.await.unwrap();
        let Got::Event(kind, _, bytes) = client.next().await else {
            panic!("expected an event")
        };
        assert_eq!(kind, "#sync");
        assert_eq!(rev() != before, which == Announced::New(3));
        let rev = rev().unwrap().rev;
        let named = bytes.windows(13).any(|text| text == rev.as_bytes());
        announced.push(named);
    }
    assert_eq!(announced, [true, true, false]);
}

#[tokio::test]
async fn a_status_that_only_the_relay_claims_is_not_the_hosts() {
    let network = network(Config::default()).await;
    let did = network.world().active_dids()[2].clone();
    let mut client = Client::connect(&network, None).await;
    let status = |side: Side| {
        let urls = network.urls().clone();
        let host = match side {
            Side::Relay => urls.relay_http(),
            Side::Pds => urls.pds,
        };
        let path = format!("/xrpc/com.atproto.sync.getRepoStatus?did={did}");
        async move { get_json(&host, &path).await.1 }
    };
    let claim = |status| {
        let did = did.clone();
        network.tell(move |world| world.claim_status(&did, status))
    };
    claim(Status::Deleted).await.unwrap();
    assert_eq!(status(Side::Relay).await["error"], "RepoNotFound");
    assert_eq!(status(Side::Pds).await["active"], true);
    assert!(network.truth().unwrap().accounts[&did].is_active());
    claim(Status::Other("hibernating")).await.unwrap();
    assert_eq!(status(Side::Relay).await["status"], "hibernating");
    claim(Status::Active).await.unwrap();
    assert_eq!(status(Side::Relay).await, status(Side::Pds).await);
    assert_eq!(client.seqs(3).await, [1, 2, 3]);
}

#[tokio::test]
async fn an_account_that_moved_names_its_new_host_and_key() {
    let network = network(Config::default()).await;
    let did = network.world().active_dids()[1].clone();
    let plc = network.urls().plc.clone();
    let document = || async { get_json(&plc, &format!("/{did}")).await.1 };
    let before = document().await;
    let moved = did.clone();
    let told = network.tell(move |world| world.migrate(&moved, "http://127.0.0.1:1"));
    told.await.unwrap();
    let after = document().await;
    assert_eq!(
        after["service"][0]["serviceEndpoint"],
        json!("http://127.0.0.1:1")
    );
    assert_ne!(
        after["verificationMethod"][0]["publicKeyMultibase"],
        before["verificationMethod"][0]["publicKeyMultibase"]
    );
    assert_eq!(after["alsoKnownAs"], before["alsoKnownAs"]);
}

#[tokio::test]
async fn an_outdated_cursor_may_be_answered_without_a_word() {
    let network = network(Config {
        window_events: 10,
        ..Config::default()
    })
    .await;
    network.emit(30).await.unwrap();
    network.faults().silent_gap(true);
    let mut client = Client::connect(&network, Some(5)).await;
    assert_eq!(client.seqs(10).await, (21..=30).collect::<Vec<_>>());
    assert_eq!(network.faults().fired(Fault::SilentGap), 1);
    network.faults().silent_gap(false);
    let mut told = Client::connect(&network, Some(5)).await;
    assert!(matches!(told.next().await, Got::Info(name, _) if name == "OutdatedCursor"));
}
