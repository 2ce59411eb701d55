//! `aviary backfill` as its operator runs it, over hosts that page badly, fail, or are interrupted.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use aviary_simnet::{Answer, Paging, Side, Status, World};
use aviary_tests::host::{command, network_environment};
use aviary_tests::stage::{calm, until};
use aviary_tests::{HostProcess, Stage, dump, truth};
use serde_json::Value;

/// A network whose accounts have written before anybody listens.
async fn written(seed: u64) -> Stage {
    let stage = Stage::new(calm(seed, 30)).await;
    stage.network.emit(300).await.unwrap();
    stage.all_post().await;
    stage
}

async fn backfill(stage: &Stage, more: &[&str]) -> Output {
    let mut args = vec!["backfill", "--json", "--patience", "10"];
    args.extend(stage.args());
    args.extend(more);
    let environment = network_environment(stage.network.urls());
    let run = command(&args, stage.path()).envs(environment).output();
    let most = Duration::from_secs(100);
    tokio::time::timeout(most, run)
        .await
        .expect("an end")
        .unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// The store has every status of the world; nothing that nobody asked for.
async fn has_all_statuses(stage: &Stage) {
    let truth = stage.network.truth().unwrap();
    let dump = dump::of(&stage.path().join("store.db")).await;
    let lines = dump["statusphere.statuses"].iter();
    let found: BTreeSet<String> = lines
        .filter_map(|l| l.split(" | ").next().map(str::to_owned))
        .collect();
    truth::same(&found, &truth::visible(&truth, truth::STATUS), "statuses");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_found_however_it_is_paged() {
    for (seed, paging) in [
        (171, Paging::Sound),
        (172, Paging::Small(3)),
        (173, Paging::Gaps),
        (174, Paging::Overlapping),
    ] {
        let stage = written(seed).await;
        stage.network.host(Side::Relay).page(paging);
        let output = backfill(&stage, &["--collection", truth::STATUS]).await;
        assert_eq!(output.status.code(), Some(0), "{paging:?}: {output:?}");
        let report = report(&output);
        assert_eq!(report["listed_all"], true, "{paging:?}: {report}");
        assert!(
            report["listed"].as_u64() >= Some(25),
            "{paging:?}: {report}"
        );
        let asked = "com.atproto.sync.listReposByCollection";
        let pages = stage.network.host(Side::Relay).requests(asked);
        assert!(paging == Paging::Sound || pages > 8, "{paging:?}: {pages}");
        has_all_statuses(&stage).await;
    }
}

/// What a circle showed is asked for all the same, and the next run finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_goes_in_a_circle_is_an_error_and_ends() {
    let stage = written(175).await;
    stage.network.host(Side::Relay).page(Paging::Circle);
    let output = backfill(&stage, &["--collection", truth::STATUS]).await;
    assert_ne!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("list to go on"), "{said}");
    stage.network.host(Side::Relay).page(Paging::Sound);
    let output = backfill(&stage, &["--collection", truth::STATUS]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    has_all_statuses(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_repository_or_one_host_is_fetched_whole() {
    let stage = written(176).await;
    let did = stage.dids()[2].clone();
    let output = backfill(&stage, &["--repo", &did]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(report(&output)["complete"], 1);
    let pds = stage.network.urls().pds.clone();
    let output = backfill(&stage, &["--pds", &pds]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(report(&output)["failing"], Value::Array(Vec::new()));
    // Likes, posts and statuses: the plugins' collections are all there.
    let truth = stage.network.truth().unwrap();
    truth::rows_are_the_truth(stage.path(), &truth).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_that_fail_are_told_with_reasons_and_found_by_the_next_run() {
    let stage = written(177).await;
    let bad: Vec<String> = stage.dids().into_iter().take(3).collect();
    for side in [Side::Relay, Side::Pds] {
        for did in &bad {
            stage.network.host(side).repos.of(did, Some(Answer::Down));
        }
    }
    let output = backfill(&stage, &["--collection", truth::STATUS]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = report(&output);
    let failing = report["failing"].as_array().unwrap();
    let dids: BTreeSet<&str> = failing.iter().filter_map(|f| f["did"].as_str()).collect();
    assert_eq!(dids, bad.iter().map(String::as_str).collect());
    for repo in failing {
        let reason = repo["reason"].as_str().unwrap();
        assert!(reason.contains("503"), "{reason}");
    }
    for side in [Side::Relay, Side::Pds] {
        assert!(stage.network.host(side).repos.given(Answer::Down) >= 3);
        for did in &bad {
            stage.network.host(side).repos.of(did, None);
        }
    }
    let output = backfill(&stage, &["--collection", truth::STATUS]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    has_all_statuses(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backfill_goes_on_where_it_was() {
    let stage = written(178).await;
    let relay = stage.network.host(Side::Relay);
    relay.page(Paging::Small(2));
    let slow = Answer::Late { ms: 400 };
    relay.repos.always(slow);
    let mut args = vec!["backfill", "--json", "--collection", truth::STATUS];
    args.extend(stage.args());
    let environment = network_environment(stage.network.urls());
    let mut child = command(&args, stage.path())
        .envs(environment)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    until("it fetches", Duration::from_secs(60), async || {
        relay.repos.given(slow) >= 3
    })
    .await;
    let pid = child.id().expect("still at work").to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(sent.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await;
    let code = ended.expect("an end").unwrap().code();
    assert_eq!(code, Some(1), "it was not interrupted");
    relay.repos.always(Answer::Sound);
    let before = relay.requests("com.atproto.sync.getRepo");
    let output = backfill(&stage, &["--collection", truth::STATUS]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        relay.requests("com.atproto.sync.getRepo") > before,
        "nothing was left to do"
    );
    has_all_statuses(&stage).await;
}

/// A host that begins late finds what was before by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_to_backfills_by_itself() {
    let stage = written(179).await;
    let settings = "[ingest]\nbackfill = \"auto\"\n";
    std::fs::write(stage.path().join("aviary.toml"), settings).unwrap();
    // What is not on the stream any more.
    for did in stage.dids() {
        stage.network.world().write_unheard(&did, 1).unwrap();
    }
    let host = stage.host().await;
    until("all are fetched", Duration::from_secs(60), async || {
        host.counter("resyncs").await >= 28
    })
    .await;
    stage.ends_equal(host).await;
}

/// An account is away when it is listed. It is fetched when it returns, not when its failures would have it tried again.
async fn away_when_listed(seed: u64, source: &str) {
    let stage = written(seed).await;
    let did = stage.dids()[2].clone();
    let away = did.clone();
    let left = move |world: &mut World| world.set_status(&away, Status::Deactivated);
    stage.tell(left).await;
    let pds = stage.network.urls().pds.clone();
    let output = backfill(&stage, &["--pds", &pds]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = report(&output);
    let failing = report["failing"].as_array().unwrap();
    assert_eq!(failing.len(), 1, "{report}");
    assert_eq!(failing[0]["did"], did.as_str(), "{report}");

    // From now on: it never hears that the account went away.
    let mut environment = network_environment(stage.network.urls());
    environment.push(("AVIARY_INGEST_START", "now".to_owned()));
    let mut args = stage.args();
    args.extend(["--source", source]);
    let host = HostProcess::with(&args, &environment, stage.path()).await;
    until("connected", Duration::from_secs(60), async || {
        host.health().await["connected"] == true
    })
    .await;
    // After two failures the next try is a minute off at the least.
    until("refused twice", Duration::from_secs(150), async || {
        host.counter("resyncs_failed").await >= 2
    })
    .await;
    let back = did.clone();
    stage
        .tell(move |world| world.set_status(&back, Status::Active))
        .await;
    until("fetched soon", Duration::from_secs(50), async || {
        host.counter("resyncs").await == 1
    })
    .await;
    let truth = stage.network.truth().unwrap();
    let kept = truth.accounts[&did].collections[truth::STATUS].len();
    until("shown", Duration::from_secs(60), async || {
        stage.shown(&host, &did).await == [kept; 3]
    })
    .await;
    assert_eq!(host.stop().await, Some(0));
    has_all_statuses(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_away_when_it_was_listed_is_fetched_when_a_relay_tells_of_it() {
    away_when_listed(180, "relay").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_away_when_it_was_listed_is_fetched_when_a_jetstream_tells_of_it() {
    away_when_listed(181, "jetstream").await;
}
