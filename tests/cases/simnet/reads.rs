//! What the host and the directory answer is the truth.

use std::collections::HashSet;

use aviary_simnet::{Config, Mix, Network, Status, Truth};
use serde_json::{Value, json};

use super::client::{get, get_json};
use super::network;

const NOBODY: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";

/// A network where every hosting status occurs.
async fn lively() -> (Network, Truth) {
    let mix = Mix {
        account_statuses: 120,
        identities: 40,
        ..Mix::default()
    };
    let network = network(Config {
        accounts: 80,
        mix,
        ..Config::default()
    })
    .await;
    for _ in 0..50 {
        network.emit(300).await.unwrap();
        let truth = network.truth().unwrap();
        let statuses: HashSet<_> = truth
            .accounts
            .values()
            .map(|account| account.status)
            .collect();
        if truth.seq > 1_000 && statuses.len() == 5 {
            return (network, truth);
        }
    }
    panic!("after 15,000 events some status never occurred")
}

fn with_status(truth: &Truth, status: Status) -> &str {
    let mut accounts = truth.accounts.iter();
    let found = accounts.find(|(_, account)| account.status == status);
    found
        .unwrap_or_else(|| panic!("no account is {status:?}"))
        .0
}

/// Every page of a list.
async fn pages(base: &str, path: &str, key: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, mut body) = get_json(base, &format!("{path}{cursor}")).await;
        assert_eq!(status, 200, "{body}");
        all.append(body[key].as_array_mut().unwrap());
        match body["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn records_are_those_of_the_truth() {
    let (network, truth) = lively().await;
    let pds = &network.urls().pds;
    let mut checked = 0;
    for (did, account) in truth
        .accounts
        .iter()
        .filter(|(_, account)| account.is_active())
        .take(25)
    {
        for (collection, records) in &account.collections {
            let path = format!(
                "/xrpc/com.atproto.repo.listRecords?repo={did}&collection={collection}&limit=7"
            );
            for (query, newest_first) in [("", true), ("&reverse=true", false)] {
                let listed = pages(pds, &format!("{path}{query}"), "records").await;
                let mut expected: Vec<Value> = records
                    .iter()
                    .map(|(rkey, record)| {
                        let uri = format!("at://{did}/{collection}/{rkey}");
                        json!({ "uri": uri, "cid": record.cid, "value": record.value })
                    })
                    .collect();
                if newest_first {
                    expected.reverse();
                }
                assert_eq!(listed, expected);
                checked += listed.len();
            }
            let (rkey, record) = records.iter().next().unwrap();
            let path = format!(
                "/xrpc/com.atproto.repo.getRecord?repo={}&collection={collection}&rkey={rkey}",
                account.handle
            );
            let (status, body) = get_json(pds, &path).await;
            assert_eq!(
                (status, &body["cid"], &body["value"]),
                (200, &json!(record.cid), &record.value)
            );
        }
        let (_, described) = get_json(
            pds,
            &format!("/xrpc/com.atproto.repo.describeRepo?repo={did}"),
        )
        .await;
        assert_eq!(
            described["collections"],
            json!(account.collections.keys().collect::<Vec<_>>())
        );
    }
    assert!(checked > 200, "{checked}");
}

#[tokio::test]
async fn heads_and_statuses_are_those_of_the_truth() {
    let (network, truth) = lively().await;
    let pds = &network.urls().pds;
    let listed = pages(pds, "/xrpc/com.atproto.sync.listRepos?limit=9", "repos").await;
    let there: Vec<_> = truth
        .accounts
        .iter()
        .filter(|(_, a)| a.status != Status::Deleted)
        .collect();
    assert_eq!(listed.len(), there.len());
    for (did, account) in there {
        let latest = account.latest.as_ref().unwrap();
        let repo = listed.iter().find(|repo| repo["did"] == **did).unwrap();
        assert_eq!(
            (repo["head"].as_str(), repo["rev"].as_str()),
            (Some(&*latest.cid), Some(&*latest.rev))
        );
        assert_eq!(repo["active"], account.is_active());
        let (_, status) = get_json(
            pds,
            &format!("/xrpc/com.atproto.sync.getRepoStatus?did={did}"),
        )
        .await;
        assert_eq!(
            (&status["active"], &status["status"]),
            (&repo["active"], &repo["status"])
        );
        let (code, commit) = get_json(
            pds,
            &format!("/xrpc/com.atproto.sync.getLatestCommit?did={did}"),
        )
        .await;
        let (car_code, kind, car) =
            get(pds, &format!("/xrpc/com.atproto.sync.getRepo?did={did}")).await;
        if account.is_active() {
            assert_eq!(commit, json!({ "cid": latest.cid, "rev": latest.rev }));
            assert_eq!((car_code, kind.as_str()), (200, "application/vnd.ipld.car"));
            assert!(car.len() > 200);
        } else {
            assert_eq!((code, car_code), (400, 400));
        }
    }
    for collection in ["app.bsky.feed.post", "xyz.statusphere.status"] {
        let path =
            format!("/xrpc/com.atproto.sync.listReposByCollection?collection={collection}&limit=5");
        let mut dids: Vec<_> = pages(pds, &path, "repos")
            .await
            .iter()
            .map(|repo| repo["did"].as_str().unwrap().to_owned())
            .collect();
        dids.sort();
        let holders = truth
            .accounts
            .iter()
            .filter(|(_, a)| a.is_active() && a.collections.contains_key(collection));
        assert_eq!(
            dids,
            holders.map(|(did, _)| did.clone()).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn identities_are_those_of_the_truth() {
    let (network, truth) = lively().await;
    let renamed = truth
        .accounts
        .values()
        .filter(|account| account.handle.contains('-'))
        .count();
    assert!(renamed > 5, "{renamed}");
    for (did, account) in &truth.accounts {
        let path = format!(
            "/xrpc/com.atproto.identity.resolveHandle?handle={}",
            account.handle
        );
        assert_eq!(
            get_json(&network.urls().pds, &path).await,
            (200, json!({ "did": did }))
        );
        let (status, document) = get_json(&network.urls().plc, &format!("/{did}")).await;
        assert_eq!((status, &document["id"]), (200, &json!(did)));
        assert_eq!(
            document["alsoKnownAs"],
            json!([format!("at://{}", account.handle)])
        );
        assert_eq!(
            document["service"][0]["serviceEndpoint"],
            json!(network.urls().pds)
        );
        assert_eq!(document["verificationMethod"][0]["type"], "Multikey");
    }
}

#[tokio::test]
async fn what_is_not_there_is_an_error_with_its_name() {
    let (network, truth) = lively().await;
    let pds = &network.urls().pds;
    let repo = |did: &str| format!("com.atproto.sync.getRepo?did={did}");
    let active = with_status(&truth, Status::Active);
    let record = "com.atproto.repo.getRecord?collection=app.bsky.feed.post&rkey=nothing&repo=";
    let cases = [
        (repo(NOBODY), 400, "RepoNotFound"),
        (
            repo(with_status(&truth, Status::Deactivated)),
            400,
            "RepoDeactivated",
        ),
        (
            repo(with_status(&truth, Status::Takendown)),
            400,
            "RepoTakendown",
        ),
        (
            repo(with_status(&truth, Status::Suspended)),
            400,
            "RepoSuspended",
        ),
        (
            repo(with_status(&truth, Status::Deleted)),
            400,
            "RepoNotFound",
        ),
        ("com.atproto.sync.getRepo".to_owned(), 400, "InvalidRequest"),
        (format!("{record}{active}"), 400, "RecordNotFound"),
        (
            "com.atproto.sync.listRepos?limit=0".to_owned(),
            400,
            "InvalidRequest",
        ),
        (
            "com.atproto.sync.listRepos?limit=1001".to_owned(),
            400,
            "InvalidRequest",
        ),
        (
            "com.atproto.sync.listRepos?cursor=x".to_owned(),
            400,
            "InvalidRequest",
        ),
        (
            "com.atproto.identity.resolveHandle?handle=no.sim.test".to_owned(),
            400,
            "HandleNotFound",
        ),
        (
            "com.example.unknown".to_owned(),
            501,
            "MethodNotImplemented",
        ),
    ];
    for (method, status, name) in cases {
        let (got, body) = get_json(pds, &format!("/xrpc/{method}")).await;
        assert_eq!(
            (got, &body["error"]),
            (status, &json!(name)),
            "{method}: {body}"
        );
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
    }
}

#[tokio::test]
async fn the_directory_does_not_know_who_has_not_joined() {
    let network = network(Config {
        accounts: 20,
        ..Config::default()
    })
    .await;
    let urls = network.urls();
    assert_eq!(get(&urls.pds, "/xrpc/_health").await.0, 200);
    assert_eq!(get(&urls.plc, "/_health").await.0, 200);
    assert_eq!(get(&urls.plc, &format!("/{NOBODY}")).await.0, 404);
    let handle = "/xrpc/com.atproto.identity.resolveHandle?handle=user19.sim.test";
    assert_eq!(get(&urls.pds, handle).await.0, 400);
    let joined = network.truth().unwrap().accounts.len();
    assert_eq!(joined, 19);
}
