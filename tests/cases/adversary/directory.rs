//! C2, G4, G6: a directory that is down, slow, refuses or lies while accounts write that nobody has heard of.

use std::time::Duration;

use aviary_simnet::Document;
use aviary_tests::Stage;
use aviary_tests::stage::calm;

/// Longer than it takes to mark what is passed.
const A_WHILE: Duration = Duration::from_secs(3);

/// Writes while the directory answers like this: nothing of it is indexed and the cursor stays before it. Then the
/// directory is sound again, in the same run of the host or after a restart.
async fn held_until_sound(seed: u64, how: Document, restart: bool) {
    let stage = Stage::new(calm(seed, 40)).await;
    let mut host = stage.host().await;
    let directory = stage.network.directory();
    directory.documents.always(how);
    let seq = stage.network.emit(150).await.unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert!(directory.documents.given(how) > 0, "{how:?} was never said");
    let health = host.health().await;
    assert!(health["counters"]["frames_held"].as_u64() > Some(0));
    assert_eq!(health["counters"]["commits"], 0, "{how:?}: {health}");
    assert!(
        health["cursor"].as_u64().is_none_or(|cursor| cursor < seq),
        "{how:?}: what is held was passed: {health}"
    );
    if restart {
        assert_eq!(host.stop().await, Some(0));
        host = stage.host().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(host.health().await["counters"]["commits"], 0);
    }
    directory.documents.always(Document::Sound);
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_g6_while_the_directory_is_down_events_are_held() {
    held_until_sound(131, Document::Down, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_g6_what_is_held_survives_a_restart() {
    held_until_sound(132, Document::Down, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_directory_that_asks_for_patience_gets_it() {
    let how = Document::TooMany { retry_after_s: 2 };
    held_until_sound(133, how, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g6_a_slow_directory_costs_time_alone() {
    let stage = Stage::new(calm(134, 40)).await;
    let host = stage.host().await;
    let (directory, how) = (stage.network.directory(), Document::Late { ms: 700 });
    directory.documents.always(how);
    stage.network.emit(150).await.unwrap();
    stage.settled(&host).await;
    assert!(directory.documents.given(how) > 0);
    assert_eq!(host.counter("repos_desynchronized").await, 0);
    stage.ends_equal(host).await;
}

/// A document that is another's, that has no key, or that is gone is an answer: the account's commits are refused, the
/// others go on, and when the document is right again the repository is.
#[tokio::test(flavor = "multi_thread")]
async fn c1_c7_g4_an_account_whose_document_is_no_good_is_refused_alone() {
    let (stage, host) = Stage::following(calm(135, 40)).await;
    let dids = stage.dids();
    let directory = stage.network.directory();
    let hows = [Document::WrongDid, Document::NoKey, Document::Tombstoned];
    for (how, did) in hows.into_iter().zip(&dids) {
        directory.documents.of(did, Some(how));
        // The host is told to ask anew.
        let renamed = did.clone();
        stage
            .tell(move |world| world.rename_account(&renamed))
            .await;
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let before = host.counter("commits_verified").await;
    for did in dids.iter().take(6) {
        stage.posts(did, 1).await;
    }
    let verified = async || host.counter("commits_verified").await - before;
    aviary_tests::stage::until("the good ones go on", A_WHILE, async || {
        verified().await == 3
    })
    .await;
    for (how, did) in hows.into_iter().zip(&dids) {
        assert!(directory.documents.given(how) > 0, "{how:?}");
        directory.documents.of(did, None);
        let renamed = did.clone();
        stage
            .tell(move |world| world.rename_account(&renamed))
            .await;
    }
    stage.ends_equal(host).await;
}
