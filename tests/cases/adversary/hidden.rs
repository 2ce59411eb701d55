//! C8: a relay that hides one account altogether. Its stream shows nothing of that; the account's own host does.

use std::time::Duration;

use aviary_simnet::{Answer, Fault, Side};
use aviary_tests::host::network_environment;
use aviary_tests::stage::{calm, until};
use aviary_tests::{HostProcess, Stage};

/// More commits than any case writes: the account is hidden for good.
const FOR_GOOD: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(90);

/// A host over the stage's folder that audits all accounts each second.
async fn auditing(stage: &Stage, grace: Duration) -> HostProcess {
    let mut environment = network_environment(stage.network.urls());
    let grace_ms = grace.as_millis().to_string();
    environment.push(("AVIARY_INGEST_AUDIT", "1s".to_owned()));
    environment.push(("AVIARY_LIMITS_AUDIT_GRACE_MS", grace_ms));
    HostProcess::with(&stage.args(), &environment, stage.path()).await
}

async fn reaches(host: &HostProcess, counter: &str, least: u64) {
    let what = format!("{counter} reaches {least}");
    until(&what, PATIENCE, async || {
        host.counter(counter).await >= least
    })
    .await;
}

/// Everything that happened is archived. The last event is one that moves no repository: a commit would be ahead of the
/// archive for a moment.
async fn settled(stage: &Stage, host: &HostProcess) {
    let did = stage.dids()[0].clone();
    stage.tell(move |world| world.rename_account(&did)).await;
    stage.settled(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_an_account_that_the_relay_hides_is_found_at_its_own_host() {
    let (stage, host) = Stage::following(calm(126, 40)).await;
    assert_eq!(host.stop().await, Some(0));
    let (hidden, unreachable) = (stage.dids()[5].clone(), stage.dids()[6].clone());
    {
        let mut world = stage.network.world();
        world.remember(&hidden).unwrap();
        // Nobody listens there.
        world
            .move_document(&unreachable, "http://127.0.0.1:1")
            .unwrap();
    }
    // Whoever hides an account gives no newer copy of it either.
    let relay = stage.network.host(Side::Relay);
    relay.repos.of(&hidden, Some(Answer::Older));
    stage.network.faults().withhold_commits(&hidden, FOR_GOOD);

    let host = auditing(&stage, Duration::from_millis(500)).await;
    for found in 1..=2 {
        stage.posts(&hidden, 3).await;
        reaches(&host, "repos_withheld", found).await;
        reaches(&host, "resyncs", found).await;
        settled(&stage, &host).await;
        let truth = stage.network.truth().unwrap();
        let kept = truth.accounts[&hidden].collections[aviary_tests::truth::STATUS].len();
        assert_eq!(stage.shown(&host, &hidden).await, [kept; 3]);
    }
    assert_eq!(stage.network.faults().fired(Fault::Lost), 2);
    assert!(relay.repos.given(Answer::Older) >= 2);
    // The others were asked about as often, and left alone.
    let asked = host.counter("audits").await;
    reaches(&host, "audits", asked + 80).await;
    assert!(host.counter("audits_failed").await >= 2);
    for counter in ["repos_withheld", "repos_desynchronized", "resyncs"] {
        assert_eq!(host.counter(counter).await, 2, "{counter}");
    }
    let said = stage.network.host(Side::Pds);
    assert!(said.requests("com.atproto.sync.getLatestCommit") > 80);
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_a_stream_that_is_late_hides_nothing() {
    let (stage, host) = Stage::following(calm(127, 40)).await;
    assert_eq!(host.stop().await, Some(0));
    let host = auditing(&stage, Duration::from_secs(20)).await;
    until("it is connected", PATIENCE, async || {
        host.health().await["connected"] == true
    })
    .await;
    stage.network.faults().silence(true);
    stage.all_post().await;
    reaches(&host, "audits_ahead", 20).await;
    assert!(host.counter("audit_suspects").await >= 20);
    assert!(stage.network.faults().fired(Fault::Silence) > 0);
    stage.network.faults().silence(false);
    stage.settled(&host).await;
    until("all are judged", PATIENCE, async || {
        host.counter("audit_suspects").await == 0
    })
    .await;
    for counter in ["repos_withheld", "repos_desynchronized", "resyncs"] {
        assert_eq!(host.counter(counter).await, 0, "{counter}");
    }
    stage.ends_equal(host).await;
}
