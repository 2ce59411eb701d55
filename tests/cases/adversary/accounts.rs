//! H1 to H5, D23: accounts that go, come back, and are said to be gone.

use std::time::Duration;

use aviary_simnet::{Fault, Side, Status, Truth};
use aviary_tests::host::{command, network_environment};
use aviary_tests::stage::{calm, until};
use aviary_tests::{HostProcess, Stage, truth};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

/// H1: an account is hidden this soon.
const HIDDEN_SOON: Duration = Duration::from_secs(20);

async fn says(stage: &Stage, did: &str, status: Status) {
    let did = did.to_owned();
    stage
        .tell(move |world| world.set_status(&did, status))
        .await;
}

async fn claims(stage: &Stage, did: &str, status: Status) {
    let did = did.to_owned();
    stage
        .tell(move |world| world.claim_status(&did, status))
        .await;
}

/// Waits until every read shows the account, or none does.
async fn shows(stage: &Stage, host: &HostProcess, did: &str, shown: bool) {
    let what = format!("{did} shown: {shown}");
    until(&what, HIDDEN_SOON, async || {
        let all = stage.shown(host, did).await;
        all.iter().all(|n| (*n > 0) == shown)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_h2_every_word_hides_everywhere_and_coming_back_brings_what_was_missed() {
    let (stage, host) = Stage::following(calm(161, 40)).await;
    let dids = stage.dids();
    let words = [
        Status::Deactivated,
        Status::Takendown,
        Status::Suspended,
        Status::Other("hibernating"),
    ];
    for (word, did) in words.into_iter().zip(&dids) {
        shows(&stage, &host, did, true).await;
        // What nobody is told of before they leave.
        stage.network.world().write_unheard(did, 2).unwrap();
        says(&stage, did, word).await;
        shows(&stage, &host, did, false).await;
    }
    for did in dids.iter().take(words.len()) {
        let resyncs = host.counter("resyncs").await;
        says(&stage, did, Status::Active).await;
        shows(&stage, &host, did, true).await;
        stage.settled(&host).await;
        assert_eq!(host.counter("resyncs").await - resyncs, 1, "{did}");
    }
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_a_deletion_that_the_host_confirms_leaves_no_text() {
    let (stage, host) = Stage::following(calm(162, 40)).await;
    let truth = stage.network.truth().unwrap();
    let said_by = |did: &String| words_of(&truth, did).len();
    let did = stage.dids().into_iter().max_by_key(said_by).unwrap();
    let said = words_of(&truth, &did);
    assert!(
        !said.is_empty() && texts(&stage, &said).await >= said.len(),
        "the scan does not find what is there: {said:?}"
    );
    says(&stage, &did, Status::Deleted).await;
    shows(&stage, &host, &did, false).await;
    until("it is erased", Duration::from_secs(60), async || {
        bodies(&stage, &did).await == 0
    })
    .await;
    stage.settled(&host).await;
    let truth = stage.network.truth().unwrap();
    assert_eq!(host.stop().await, Some(0));
    // A backfill of an erased account brings nothing, though its host gives the repository.
    let mut backfill = vec!["backfill", "--repo", &did, "--patience", "2"];
    backfill.extend(stage.args());
    let environment = network_environment(stage.network.urls());
    let mut command = command(&backfill, stage.path());
    let output = command.envs(environment).output().await.unwrap();
    assert!(output.status.code().is_some(), "{output:?}");
    assert_eq!(bodies(&stage, &did).await, 0);
    assert_eq!(texts(&stage, &said).await, 0, "{said:?}");
    truth::rows_are_the_truth(stage.path(), &truth).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_a_deletion_that_only_the_relay_claims_hides_and_erases_nothing() {
    let (stage, host) = Stage::following(calm(163, 40)).await;
    let did = stage.dids()[3].clone();
    let asked = || {
        let pds = stage.network.host(Side::Pds);
        pds.requests("com.atproto.sync.getRepoStatus")
    };
    let before = asked();
    claims(&stage, &did, Status::Deleted).await;
    shows(&stage, &host, &did, false).await;
    until("its host is asked", Duration::from_secs(60), async || {
        asked() > before
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(bodies(&stage, &did).await > 0, "erased on a relay's word");
    claims(&stage, &did, Status::Active).await;
    shows(&stage, &host, &did, true).await;
    stage.ends_equal(host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h5_a_deletion_whose_host_cannot_be_asked_erases_nothing() {
    let (stage, host) = Stage::following(calm(164, 40)).await;
    let did = stage.dids()[3].clone();
    let pds = stage.network.urls().pds.clone();
    // Nobody listens there.
    let nowhere = stage
        .network
        .world()
        .move_document(&did, "http://127.0.0.1:1");
    nowhere.unwrap();
    claims(&stage, &did, Status::Deleted).await;
    shows(&stage, &host, &did, false).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(bodies(&stage, &did).await > 0, "erased without a word");
    stage.network.world().move_document(&did, &pds).unwrap();
    claims(&stage, &did, Status::Active).await;
    shows(&stage, &host, &did, true).await;
    stage.ends_equal(host).await;
}

/// The stream is read again from before the deletion, by another name, after the account is back.
#[tokio::test(flavor = "multi_thread")]
async fn d23_a_deletion_of_old_does_not_erase_who_came_back() {
    let (stage, host) = Stage::following(calm(165, 40)).await;
    let did = stage.dids()[3].clone();
    claims(&stage, &did, Status::Deleted).await;
    shows(&stage, &host, &did, false).await;
    claims(&stage, &did, Status::Active).await;
    shows(&stage, &host, &did, true).await;
    stage.posts(&did, 2).await;
    stage.settled(&host).await;
    assert_eq!(host.stop().await, Some(0));
    let mut urls = stage.network.urls().clone();
    urls.relay = urls.relay.replace("127.0.0.1", "localhost");
    let host = HostProcess::follow(&urls, &stage.args(), stage.path()).await;
    stage.settled(&host).await;
    assert!(
        host.counter("commits_replayed").await > 0,
        "nothing came again"
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.network.faults().fired(Fault::Lost), 0);
    stage.ends_equal(host).await;
}

/// Texts of an account's posts, and nobody else's.
fn words_of(truth: &Truth, did: &str) -> Vec<String> {
    let of = |did: &String| {
        let records = truth.accounts[did].collections.get("app.bsky.feed.post");
        let texts = records.into_iter().flat_map(|records| records.values());
        let texts = texts.filter_map(|record| record.value["text"].as_str());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let others = truth.accounts.keys().filter(|other| *other != did);
    let others: Vec<String> = others.flat_map(of).collect();
    let mut words = of(&did.to_owned());
    words.retain(|word| word.len() > 8 && !others.iter().any(|other| other.contains(word)));
    words
}

async fn open(stage: &Stage) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(stage.path().join("store.db"))
        .read_only(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Records of an account that have a body.
async fn bodies(stage: &Stage, did: &str) -> i64 {
    let mut db = open(stage).await;
    sqlx::query_scalar(
        "select count(*) from record r join did d on d.id = r.did_id where d.did = ? and (r.body is not null or r.cid is not null)",
    )
    .bind(did)
    .fetch_one(&mut db)
    .await
    .unwrap()
}

/// Cells of all tables, whatever they are, in which one of these words is.
async fn texts(stage: &Stage, words: &[String]) -> usize {
    let mut db = open(stage).await;
    let tables: Vec<String> =
        sqlx::query_scalar("select name from sqlite_master where type = 'table'")
            .fetch_all(&mut db)
            .await
            .unwrap();
    let mut found = 0;
    for table in tables {
        let sql = AssertSqlSafe(format!("select * from \"{table}\""));
        for row in sqlx::query(sql).fetch_all(&mut db).await.unwrap() {
            for at in 0..row.len() {
                let raw = row.try_get_raw(at).unwrap();
                let bytes: &[u8] = match sqlx::Decode::<sqlx::Sqlite>::decode(raw) {
                    Ok(bytes) => bytes,
                    Err(_) => continue,
                };
                let cell = String::from_utf8_lossy(bytes);
                found += usize::from(words.iter().any(|word| cell.contains(word.as_str())));
            }
        }
    }
    found
}
