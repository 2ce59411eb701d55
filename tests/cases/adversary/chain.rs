//! C5, C15, C16, A5: holes in the chain of an account, announced states, keys and hosts that change.

use aviary_simnet::{Announced, Fault};
use aviary_tests::Stage;
use aviary_tests::stage::calm;

#[tokio::test(flavor = "multi_thread")]
async fn c5_withheld_commits_cost_one_resync() {
    let (stage, host) = Stage::following(calm(121, 40)).await;
    let dids = stage.dids();
    let resyncs = host.counter("resyncs").await;
    for (n, did) in dids.iter().take(5).enumerate() {
        stage.network.faults().withhold_commits(did, n as u64 + 1);
        for _ in 0..=n {
            stage.posts(did, 1).await;
        }
    }
    assert_eq!(stage.network.faults().fired(Fault::Lost), 15);
    stage.posts(&dids[10], 1).await;
    stage.settled(&host).await;
    assert_eq!(host.counter("resyncs").await, resyncs, "nobody knows yet");
    // The next commit of each shows the hole; those after it wait for the snapshot or follow it.
    for _ in 0..4 {
        for did in dids.iter().take(5) {
            stage.posts(did, 1).await;
        }
    }
    stage.settled(&host).await;
    assert_eq!(host.counter("resyncs").await - resyncs, 5);
    assert_eq!(host.counter("repos_desynchronized").await, 5);
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_only_a_sync_of_a_new_state_is_fetched() {
    let (stage, host) = Stage::following(calm(122, 40)).await;
    let dids = stage.dids();
    for (which, fetched) in [
        (Announced::Current, 0),
        (Announced::Older, 0),
        (Announced::New(3), 1),
    ] {
        let resyncs = host.counter("resyncs").await;
        let did = dids[1].clone();
        let seq = stage.tell(move |world| world.announce(&did, which)).await;
        host.caught_up(seq).await;
        assert_eq!(
            host.counter("resyncs").await - resyncs,
            fetched,
            "{which:?}"
        );
    }
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_c16_a_key_that_changed_with_or_without_a_word_is_looked_up_once() {
    let (stage, host) = Stage::following(calm(123, 40)).await;
    let dids = stage.dids();
    let (told, untold) = (dids[2].clone(), dids[3].clone());
    let asked = |did: &str| stage.network.directory().requests(did);
    let before = (asked(&told), asked(&untold));
    let did = told.clone();
    stage.tell(move |world| world.rotate_key(&did)).await;
    let did = untold.clone();
    let act = stage.network.withhold(move |world| world.rotate_key(&did));
    act.await.unwrap();
    assert_eq!(stage.network.faults().fired(Fault::Lost), 1);
    for _ in 0..5 {
        stage.posts(&told, 1).await;
        stage.posts(&untold, 1).await;
    }
    stage.settled(&host).await;
    let looked_up = (asked(&told) - before.0, asked(&untold) - before.1);
    assert_eq!(looked_up, (1, 1), "look-ups");
    let health = host.health().await;
    assert_eq!(health["counters"]["repos_desynchronized"], 0, "{health}");
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_an_account_that_moved_is_followed_and_fetched_at_its_new_host() {
    let (stage, host) = Stage::following(calm(124, 40)).await;
    let did = stage.dids()[4].clone();
    let other = stage.network.urls().pds.replace("127.0.0.1", "localhost");
    let moved = did.clone();
    stage.tell(move |world| world.migrate(&moved, &other)).await;
    stage.posts(&did, 2).await;
    stage.settled(&host).await;
    assert_eq!(host.counter("repos_desynchronized").await, 0);
    // A hole after the move is repaired at the new host, for the relay has nothing.
    stage
        .network
        .host(aviary_simnet::Side::Relay)
        .repos
        .always(aviary_simnet::Answer::Refused);
    stage.network.faults().withhold_commits(&did, 1);
    stage.posts(&did, 1).await;
    stage.posts(&did, 1).await;
    stage.settled(&host).await;
    assert_eq!(host.counter("resyncs").await, 1);
    stage.ends_equal(host).await;
}
