//! B4, B5, C10, C11, C12: what an account's own host puts into its repository, honestly signed.

use std::time::Duration;

use aviary_simnet::{Junk, Truth, World};
use aviary_tests::stage::calm;
use aviary_tests::{Stage, dump, truth};

#[tokio::test(flavor = "multi_thread")]
async fn b4_b5_c10_c12_junk_costs_its_own_operation_and_nothing_else() {
    let (stage, host) = Stage::following(calm(111, 40)).await;
    let dids = stage.dids();
    let resyncs = host.counter("resyncs").await;
    let kinds = Junk::ALL.into_iter().filter(|kind| *kind != Junk::LongKey);
    for (kind, did) in kinds.zip(&dids) {
        let did = did.clone();
        stage.tell(move |world| world.write_junk(&did, kind)).await;
    }
    stage.settled(&host).await;
    // Two of them are more than a commit may have: these repositories are fetched, once.
    assert_eq!(host.counter("resyncs").await - resyncs, 2);
    // The junk stays in the tree; the commits after it are followed all the same.
    stage.all_post().await;
    stage.settled(&host).await;
    assert_eq!(host.counter("resyncs").await - resyncs, 2);
    let truth = stage.network.truth().unwrap();
    assert_eq!(host.stop().await, Some(0));
    let dump = dump::of(&stage.path().join("store.db")).await;
    truth::dump_is_the_truth(&dump, &truth);
    assert_letters(&dump, &truth);
}

/// Each path that no consumer can use is a dead letter of the host, where its collection is wanted.
fn assert_letters(dump: &dump::Dump, truth: &Truth) {
    let (mut expected, mut unwanted) = (0, 0);
    for (did, account) in &truth.accounts {
        for path in &account.unusable {
            // A collection that is no NSID is wanted by nobody.
            if !path.starts_with("xyz.statusphere.status/") {
                unwanted += 1;
                continue;
            }
            let uri = format!("at://{did}/{path}");
            let told = dump["dead_letter"]
                .iter()
                .any(|letter| letter.contains(&uri));
            assert!(told, "{uri} is no dead letter: {:?}", dump["dead_letter"]);
            expected += 1;
        }
    }
    assert_eq!((expected, unwanted), (5, 2));
}

/// A key that no tree may have makes the tree none: the repository stays as it was, and tries are few.
#[tokio::test(flavor = "multi_thread")]
async fn c9_a_tree_with_a_key_that_is_too_long_stalls_its_own_repository_alone() {
    let (stage, host) = Stage::following(calm(112, 40)).await;
    let dids = stage.dids();
    let (bad, good) = (dids[1].clone(), dids[2].clone());
    let before = stage.network.truth().unwrap().accounts[&bad].clone();
    let did = bad.clone();
    let act = move |world: &mut World| world.write_junk(&did, Junk::LongKey);
    stage.tell(act).await;
    for _ in 0..20 {
        stage.posts(&bad, 1).await;
        stage.posts(&good, 1).await;
    }
    // A fetch that its next bad commit overtook ends after five seconds.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let health = host.health().await;
    assert_eq!(
        health["cursor"].as_u64(),
        Some(stage.network.seq()),
        "{health}"
    );
    assert_eq!(health["repos"]["desynchronized"], 1, "{health}");
    let failed = host.counter("resyncs_failed").await;
    assert!(
        (1..=6).contains(&failed),
        "{failed} tries in twenty seconds"
    );
    assert_eq!(host.stop().await, Some(0));
    let dump = dump::of(&stage.path().join("store.db")).await;
    let mut truth = stage.network.truth().unwrap();
    truth.accounts.insert(bad, before);
    truth::dump_is_the_truth(&dump, &truth);
}
