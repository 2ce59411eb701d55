//! What the relay, the PDS and the directory are told to answer is what they answer, and is counted.

use std::time::{Duration, Instant};

use aviary_simnet::{Answer, Config, Document, Network, Paging, Side};
use aviary_tests::http;
use reqwest::Response;
use serde_json::Value;

use super::network;

const GET_REPO: &str = "com.atproto.sync.getRepo";

/// A network with some events, and one account's DID.
async fn lively() -> (Network, String) {
    let network = network(Config::default()).await;
    network.emit(300).await.unwrap();
    let did = network.world().active_dids()[0].clone();
    (network, did)
}

async fn get(url: &str) -> Response {
    http::client().get(url).send().await.unwrap()
}

async fn repo(network: &Network, side: Side, did: &str) -> Response {
    let base = match side {
        Side::Relay => network.urls().relay_http(),
        Side::Pds => network.urls().pds.clone(),
    };
    get(&format!("{base}/xrpc/{GET_REPO}?did={did}")).await
}

async fn car(network: &Network, did: &str) -> Vec<u8> {
    let response = repo(network, Side::Pds, did).await;
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap().to_vec()
}

fn export(network: &Network, did: &str) -> Vec<u8> {
    let world = network.world();
    let export = world.account(did).unwrap().repository.export();
    export.unwrap().unwrap()
}

#[tokio::test]
async fn both_listeners_serve_repositories_and_count_by_themselves() {
    let (network, did) = lively().await;
    assert_ne!(network.urls().relay_http(), network.urls().pds);
    for side in [Side::Relay, Side::Pds, Side::Pds] {
        let response = repo(&network, side, &did).await;
        assert_eq!(response.bytes().await.unwrap(), export(&network, &did));
    }
    let asked = |side| network.host(side).requests(GET_REPO);
    assert_eq!((asked(Side::Relay), asked(Side::Pds)), (1, 2));
    let describe = format!(
        "{}/xrpc/com.atproto.repo.describeRepo?repo={did}",
        network.urls().relay_http()
    );
    assert_eq!(get(&describe).await.status(), 501, "a relay is no PDS");
}

#[tokio::test]
async fn refusals_are_what_they_say() {
    let (network, did) = lively().await;
    let relay = &network.host(Side::Relay).repos;
    for (answer, status) in [
        (Answer::Refused, 404),
        (Answer::TooMany { retry_after_s: 7 }, 429),
        (Answer::Down, 503),
        (Answer::Elsewhere, 302),
    ] {
        relay.next(1, answer);
        let response = repo(&network, Side::Relay, &did).await;
        assert_eq!(response.status(), status);
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap());
        match answer {
            Answer::TooMany { .. } => assert_eq!(header("retry-after"), Some("7")),
            Answer::Elsewhere => {
                let there = header("location").unwrap().to_owned();
                assert!(there.starts_with(&network.urls().pds));
                let moved = get(&there).await.bytes().await.unwrap();
                assert_eq!(moved, export(&network, &did));
            }
            _ => {}
        }
        assert_eq!(relay.given(answer), 1);
        assert_eq!(repo(&network, Side::Relay, &did).await.status(), 200);
    }
}

#[tokio::test]
async fn spoiled_cars_differ_as_they_say() {
    let (network, did) = lively().await;
    network.world().remember(&did).unwrap();
    let old = export(&network, &did);
    network.world().write_unheard(&did, 2).unwrap();
    let sound = export(&network, &did);
    let pds = &network.host(Side::Pds).repos;
    pds.of(&did, Some(Answer::Older));
    assert!(old != sound && car(&network, &did).await == old);
    pds.of(&did, Some(Answer::Flipped));
    let flipped = car(&network, &did).await;
    let differ = flipped.iter().zip(&sound).filter(|(a, b)| a != b).count();
    assert_eq!((flipped.len(), differ), (sound.len(), 1));
    pds.of(&did, Some(Answer::Cut));
    let cut = car(&network, &did).await;
    assert!(cut.len() < sound.len() && cut.len() > sound.len() / 4);
    assert!(sound.starts_with(&cut), "cut between two blocks");
    pds.of(&did, None);
    assert_eq!(car(&network, &did).await, sound);
    assert_eq!(pds.given(Answer::Cut), 1);
}

#[tokio::test]
async fn slow_and_endless_bodies_are_under_way_until_the_client_goes() {
    let (network, did) = lively().await;
    network.world().fill(&did, 500).unwrap();
    let pds = network.host(Side::Pds);
    pds.repos.next(1, Answer::Endless);
    let mut endless = repo(&network, Side::Pds, &did).await;
    let mut bytes = 0;
    while bytes < 20 * export(&network, &did).len() {
        bytes += endless.chunk().await.unwrap().unwrap().len();
    }
    pds.repos.next(1, Answer::Trickle { bytes_per_s: 1_000 });
    let mut slow = repo(&network, Side::Pds, &did).await;
    let started = Instant::now();
    let mut bytes = 0;
    while bytes < 500 {
        bytes += slow.chunk().await.unwrap().unwrap().len();
    }
    assert!(started.elapsed() > Duration::from_millis(300), "{bytes}");
    assert_eq!(pds.repos_at_once(), 2);
    pds.repos.next(1, Answer::Late { ms: 300 });
    let started = Instant::now();
    car(&network, &did).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
}

async fn pages(network: &Network, method: &str) -> (Vec<String>, usize) {
    let (mut dids, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let base = network.urls().relay_http();
        let url = format!("{base}/xrpc/{method}{cursor}");
        let body: Value = serde_json::from_slice(&get(&url).await.bytes().await.unwrap()).unwrap();
        pages += 1;
        let page = body["repos"].as_array().unwrap().iter();
        dids.extend(page.map(|repo| repo["did"].as_str().unwrap().to_owned()));
        match body["cursor"].as_str() {
            Some(next) if pages < 200 => cursor = format!("&cursor={next}"),
            _ => return (dids, pages),
        }
    }
}

#[tokio::test]
async fn lists_are_paged_as_they_are_told() {
    let (network, _) = lively().await;
    let relay = network.host(Side::Relay);
    for method in [
        "com.atproto.sync.listRepos?limit=500",
        "com.atproto.sync.listReposByCollection?collection=app.bsky.feed.post&limit=500",
    ] {
        relay.page(Paging::Sound);
        let (all, one) = pages(&network, method).await;
        assert!(all.len() > 9 && one == 1);
        relay.page(Paging::Small(3));
        let (small, many) = pages(&network, method).await;
        assert_eq!((&small, many >= all.len() / 3), (&all, true));
        relay.page(Paging::Gaps);
        let (gaps, more) = pages(&network, method).await;
        assert_eq!((&gaps, more >= all.len()), (&all, true));
        relay.page(Paging::Overlapping);
        let (mut overlapping, _) = pages(&network, method).await;
        assert!(overlapping.len() > all.len());
        overlapping.dedup();
        assert_eq!(overlapping, all);
        relay.page(Paging::Circle);
        assert_eq!(pages(&network, method).await.1, 200, "a circle has no end");
    }
}

#[tokio::test]
async fn a_record_comes_with_its_proof_and_so_does_its_absence() {
    let (network, did) = lively().await;
    let (path, cid, record, head) = {
        let world = network.world();
        let repository = &world.account(&did).unwrap().repository;
        let (path, cid, bytes) = repository.records().next().unwrap();
        let head = repository.head().unwrap().block.clone();
        (path.to_owned(), cid.to_bytes(), bytes.clone(), head)
    };
    let (collection, rkey) = path.split_once('/').unwrap();
    let proof = async |rkey: &str| {
        let base = &network.urls().pds;
        let url = format!(
            "{base}/xrpc/com.atproto.sync.getRecord?did={did}&collection={collection}&rkey={rkey}"
        );
        get(&url).await.bytes().await.unwrap()
    };
    let holds = |car: &[u8], part: &[u8]| car.windows(part.len()).any(|window| window == part);
    let there = proof(rkey).await;
    assert!(holds(&there, &head) && holds(&there, &cid) && holds(&there, &record));
    let absent = proof("not-there").await;
    assert!(holds(&absent, &head) && !holds(&absent, &record));
    assert!(there.len() < export(&network, &did).len());
}

#[tokio::test]
async fn the_directory_answers_as_it_is_told() {
    let (network, did) = lively().await;
    let url = format!("{}/{did}", network.urls().plc);
    let documents = &network.directory().documents;
    for (document, status, says) in [
        (Document::Down, 503, "down"),
        (Document::TooMany { retry_after_s: 3 }, 429, "slower"),
        (Document::Unknown, 404, "not registered"),
        (Document::Tombstoned, 410, "not available"),
        (Document::WrongDid, 200, "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
        (Document::NoKey, 200, "\"verificationMethod\":[]"),
        (Document::NotJson, 200, "<html>"),
    ] {
        documents.of(&did, Some(document));
        let response = get(&url).await;
        assert_eq!(response.status(), status, "{document:?}");
        let body = response.text().await.unwrap();
        assert!(body.contains(says), "{document:?}: {body}");
        assert_eq!(documents.given(document), 1);
    }
    documents.of(&did, None);
    documents.next(
        1,
        Document::Large {
            filling_bytes: 300_000,
        },
    );
    assert!(get(&url).await.bytes().await.unwrap().len() > 300_000);
    documents.next(1, Document::Late { ms: 200 });
    let started = Instant::now();
    assert_eq!(get(&url).await.status(), 200);
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(network.directory().requests(&did), 9);
    assert_eq!(network.directory().requests_in_all(), 9);
}
