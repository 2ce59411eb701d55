//! B8, B10, C14: repositories that a relay gives badly or not at all, and many of them at once.

use std::time::{Duration, Instant};

use aviary_simnet::{Answer, Fault, Side};
use aviary_tests::Stage;
use aviary_tests::stage::calm;

/// Breaks an account's chain while the relay answers like this: its own host makes it whole, within `most`.
async fn mended_by_its_host(
    stage: &Stage,
    host: &aviary_tests::HostProcess,
    how: Answer,
    n: usize,
    most: Duration,
) {
    let did = stage.dids()[n].clone();
    stage.network.world().remember(&did).unwrap();
    let (relay, pds) = (
        stage.network.host(Side::Relay),
        stage.network.host(Side::Pds),
    );
    let asked = pds.requests("com.atproto.sync.getRepo");
    relay.repos.of(&did, Some(how));
    stage.network.faults().withhold_commits(&did, 1);
    stage.posts(&did, 1).await;
    stage.posts(&did, 1).await;
    let begun = Instant::now();
    stage.settled(host).await;
    assert!(begun.elapsed() < most, "{how:?} took {:?}", begun.elapsed());
    assert!(relay.repos.given(how) > 0, "{how:?} was never given");
    assert!(
        how == Answer::Elsewhere || pds.requests("com.atproto.sync.getRepo") > asked,
        "{how:?}: the account's host was not asked"
    );
    relay.repos.of(&did, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn b8_b10_what_the_relay_gives_badly_its_host_gives_well() {
    let (stage, host) = Stage::following(calm(141, 40)).await;
    let soon = Duration::from_secs(45);
    for (n, how) in [
        Answer::Refused,
        Answer::Elsewhere,
        Answer::Cut,
        Answer::Flipped,
        Answer::Older,
        Answer::Down,
        // The last, for the relay is left alone for a while after it.
        Answer::TooMany { retry_after_s: 1 },
    ]
    .into_iter()
    .enumerate()
    {
        mended_by_its_host(&stage, &host, how, n, soon).await;
    }
    stage.ends_equal(host).await;
}

/// While one fetch trickles and one never ends, others are repaired.
#[tokio::test(flavor = "multi_thread")]
async fn b10_a_trickle_and_an_endless_answer_pin_nobody_else() {
    let (stage, host) = Stage::following(calm(142, 40)).await;
    let dids = stage.dids();
    let relay = &stage.network.host(Side::Relay).repos;
    let trickle = Answer::Trickle { bytes_per_s: 64 };
    relay.of(&dids[0], Some(trickle));
    relay.of(&dids[1], Some(Answer::Endless));
    for did in dids.iter().take(10) {
        stage.network.faults().withhold_commits(did, 1);
        stage.posts(did, 1).await;
        stage.posts(did, 1).await;
    }
    assert_eq!(stage.network.faults().fired(Fault::Lost), 10);
    aviary_tests::stage::until(
        "the others are repaired",
        Duration::from_secs(60),
        async || host.counter("resyncs").await >= 8,
    )
    .await;
    assert!(relay.given(trickle) > 0 && relay.given(Answer::Endless) > 0);
    relay.of(&dids[0], None);
    relay.of(&dids[1], None);
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_two_hundred_repositories_that_break_at_once_are_repaired_a_few_at_a_time() {
    let (stage, host) = Stage::following(calm(143, 220)).await;
    let dids: Vec<String> = stage.dids().into_iter().take(200).collect();
    for did in &dids {
        stage.network.faults().withhold_commits(did, 1);
        stage.posts(did, 1).await;
    }
    assert_eq!(stage.network.faults().fired(Fault::Lost), 200);
    for did in &dids {
        stage.posts(did, 1).await;
    }
    stage.settled(&host).await;
    assert_eq!(host.counter("repos_desynchronized").await, 200);
    assert_eq!(host.counter("resyncs").await, 200);
    for side in [Side::Relay, Side::Pds] {
        let most = stage.network.host(side).repos_at_once();
        assert!(most <= 4, "{most} at once of {side:?}");
    }
    stage.ends_equal(host).await;
}
