//! C1, C3, C4, C6, C11: forged commits, beside the sound ones and in their place (P4).

use std::collections::BTreeSet;

use aviary_simnet::{Fault, Forgery};
use aviary_tests::stage::calm;
use aviary_tests::{Stage, dump, truth};
use serde_json::Value;

fn refused(health: &Value) -> u64 {
    let reasons = health["rejected"].as_object().expect("reasons");
    reasons.values().filter_map(Value::as_u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_c3_c4_c6_a_forged_commit_in_place_of_a_sound_one_is_never_indexed() {
    let (stage, host) = Stage::following(calm(101, 40)).await;
    let dids = stage.dids();
    for (kind, did) in Forgery::ALL.into_iter().zip(&dids) {
        let (verified, before) = (
            host.counter("commits_verified").await,
            refused(&host.health().await),
        );
        let forged = did.clone();
        let seq = stage
            .tell(move |world| world.forge(&forged, kind, true))
            .await;
        host.caught_up(seq).await;
        // Of a commit that lacks a record the rest is sound.
        let sound = u64::from(kind == Forgery::MissingRecord);
        let handed_on = host.counter("commits_verified").await - verified;
        assert_eq!(handed_on, sound, "{kind:?}");
        // What is signed at a known rev may be a replay: it is passed over.
        let is_old = matches!(kind, Forgery::EqualRev | Forgery::LowerRev);
        let refused = refused(&host.health().await) - before;
        assert_eq!(refused > 0, !is_old, "{kind:?}");
    }
    assert!(stage.network.faults().fired(Fault::Forged) >= 18);
    // What was passed over shows by the next commit.
    stage.all_post().await;
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_c3_c4_c6_a_forged_commit_beside_a_sound_one_costs_nothing() {
    let (stage, host) = Stage::following(calm(102, 40)).await;
    for (kind, did) in Forgery::ALL.into_iter().zip(stage.dids()) {
        stage
            .tell(move |world| world.forge(&did, kind, false))
            .await;
    }
    stage.settled(&host).await;
    assert!(stage.network.faults().fired(Fault::Forged) >= 18);
    let health = host.health().await;
    assert!(refused(&health) >= 15, "{health}");
    stage.all_post().await;
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_c3_c4_c6_a_forged_first_sighting_beside_a_sound_one_costs_nothing() {
    let stage = Stage::new(calm(103, 60)).await;
    // Accounts of the second half have not been heard of; somebody is, so that there is something to compare.
    let host = stage.host().await;
    stage.network.emit(100).await.unwrap();
    let fresh = unheard(&stage);
    assert!(fresh.len() >= 18, "{} accounts are unheard of", fresh.len());
    for (kind, did) in Forgery::ALL.into_iter().zip(fresh) {
        stage
            .tell(move |world| world.forge(&did, kind, false))
            .await;
    }
    stage.settled(&host).await;
    assert!(stage.network.faults().fired(Fault::Forged) >= 18);
    assert!(refused(&host.health().await) >= 12);
    stage.all_post().await;
    stage.settled(&host).await;
    let truth = stage.network.truth().unwrap();
    assert_eq!(host.stop().await, Some(0));
    let dump = dump::of(&stage.path().join("store.db")).await;
    truth::dump_is_the_truth(&dump, &truth);
    // What a forger invented is told as lost until the account is fetched, for nobody can know better. Nothing else is.
    let [letter] = dump["dead_letter"].as_slice() else {
        panic!("expected one dead letter: {:?}", dump["dead_letter"])
    };
    let uri = letter.split(" | ").nth(1).unwrap_or_default();
    assert!(
        !truth::visible(&truth, truth::STATUS).contains(uri),
        "{uri}"
    );
}

/// Accounts that have written nothing yet.
fn unheard(stage: &Stage) -> Vec<String> {
    let truth = stage.network.truth().unwrap();
    let without = truth
        .accounts
        .iter()
        .filter(|(_, a)| a.is_active() && a.collections.is_empty());
    without.map(|(did, _)| did.clone()).collect()
}

/// In place of an account's first commit nothing sound is left to index, and there is no repository to repair: what the
/// forged commit named is told as lost, and a backfill finds it.
#[tokio::test(flavor = "multi_thread")]
async fn c1_c3_c4_c6_a_forged_first_sighting_in_place_is_told_as_lost() {
    let stage = Stage::new(calm(104, 60)).await;
    let host = stage.host().await;
    stage.network.emit(100).await.unwrap();
    let fresh: Vec<String> = unheard(&stage).into_iter().take(18).collect();
    for (kind, did) in Forgery::ALL.into_iter().zip(fresh.clone()) {
        stage.tell(move |world| world.forge(&did, kind, true)).await;
    }
    stage.settled(&host).await;
    assert!(stage.network.faults().fired(Fault::Forged) >= 18);
    assert_eq!(host.stop().await, Some(0));
    let truth = stage.network.truth().unwrap();
    let dump = dump::of(&stage.path().join("store.db")).await;
    let expected = truth::visible(&truth, truth::STATUS);
    let found: BTreeSet<&str> = dump["statusphere.statuses"]
        .iter()
        .filter_map(|l| l.split(" | ").next())
        .collect();
    let invented: Vec<_> = found.iter().filter(|u| !expected.contains(**u)).collect();
    assert!(invented.is_empty(), "{invented:?}");
    for (kind, did) in Forgery::ALL.into_iter().zip(&fresh) {
        let rows = found.iter().filter(|u| u.contains(did.as_str())).count();
        let letters = &dump["dead_letter"];
        let dead = letters.iter().filter(|l| l.contains(did.as_str())).count();
        // A frame that does not decode, or that names another account, says nothing of this one.
        let told = !matches!(kind, Forgery::NotATid | Forgery::EnvelopeRepo);
        assert!(
            rows == 2 || dead > 0 || !told,
            "{kind:?}: {rows} rows, {dead} dead letters"
        );
    }
}
