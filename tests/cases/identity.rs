//! Identities against directories, web sites and a DNS that fail, lie and flood.

mod directory;
mod handles;

use std::sync::Arc;

use aviary::atproto::{Did, DidDocument};
use aviary::fault::{Class, Classify};
use aviary::identity::{Identities, IdentityError};
use aviary::limits;
use aviary::net::NetError;
use aviary_tests::recording::Recording;
use aviary_tests::web::Web;
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::json;

use directory::{Mode, World, document};

const MINUTE_MS: i64 = 60_000;

fn did(n: u32) -> Did {
    let digits: String = (0..24)
        .map(|at| char::from(b'a' + u8::try_from((n >> at) & 1).unwrap()))
        .collect();
    Did::parse(&format!("did:plc:{digits}")).unwrap()
}

/// G6: a hundred who ask at once are one request.
#[tokio::test]
async fn a_hundred_questions_are_one_request() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    world.directory.set(Mode::Slow);
    assert!(world.identities.cached(&did(1)).is_none());
    let asked = (0..100).map(|_| {
        let identities = Arc::clone(&world.identities);
        tokio::spawn(async move { identities.get(&did(1)).await })
    });
    for answer in futures_util::future::join_all(asked).await {
        let identity = answer.unwrap().unwrap();
        assert_eq!(identity.did(), &did(1));
        assert_eq!(
            identity.claimed_handle().unwrap().as_str(),
            "alice.example.com"
        );
        assert!(identity.signing_key().is_ok() && identity.label_key().is_err());
        assert_eq!(identity.pds(), Some("https://pds.example.com"));
    }
    assert_eq!(world.directory.requests(), 1);
    let cached = world.identities.cached(&did(1)).unwrap();
    assert!(Arc::ptr_eq(
        &cached,
        &world.identities.get(&did(1)).await.unwrap()
    ));
    assert_eq!(world.directory.requests(), 1);
}

#[tokio::test]
async fn an_identity_is_asked_for_again_when_it_is_old() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.put(&did(1), "new.example.com");
    world.pass(limits::IDENTITY_FRESH_MS - 1);
    assert!(world.identities.cached(&did(1)).is_some());
    world.pass(1);
    assert!(world.identities.cached(&did(1)).is_none());
    let identity = world.identities.get(&did(1)).await.unwrap();
    assert_eq!(
        identity.claimed_handle().unwrap().as_str(),
        "new.example.com"
    );
    assert_eq!(world.directory.requests(), 2);
}

/// G6: what is known is served while the directory is away, for a bounded time, and it is asked now and then.
#[tokio::test]
async fn a_directory_that_is_away_is_bridged() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.set(Mode::Down);
    world.pass(limits::IDENTITY_FRESH_MS);
    for _ in 0..100 {
        assert!(world.identities.get(&did(1)).await.is_ok());
        assert!(world.identities.get(&did(2)).await.is_err());
    }
    assert_eq!(
        world.directory.requests(),
        3,
        "one question each while it is away"
    );
    assert!(world.identities.cached(&did(1)).is_some());
    world.pass(limits::IDENTITY_TROUBLE_MS);
    let unknown = world.identities.get(&did(2)).await.unwrap_err();
    assert!(matches!(unknown, IdentityError::Net { .. }) && unknown.class() == Class::Retry);
    assert!(world.identities.get(&did(1)).await.is_ok());
    assert_eq!(world.directory.requests(), 5);
    let refreshed = {
        world.pass(MINUTE_MS);
        world.identities.refresh(&did(1)).await.unwrap()
    };
    assert!(!refreshed.is_fresh);

    world.pass(limits::IDENTITY_STALE_MS);
    let gone = world.identities.get(&did(1)).await.unwrap_err();
    assert_eq!(gone.class(), Class::Retry);
    world.directory.set(Mode::Up);
    world.pass(limits::IDENTITY_TROUBLE_MS);
    assert!(world.identities.get(&did(1)).await.is_ok());
    assert!(
        world
            .identities
            .refresh(&did(1))
            .await
            .is_ok_and(|r| !r.is_fresh)
    );
}

/// G6: 429 with `Retry-After` holds for every DID of that directory.
#[tokio::test]
async fn a_directory_that_says_later_is_left_alone() {
    let world = World::new().await;
    world.directory.set(Mode::Busy);
    for n in 0..50 {
        let later = world.identities.get(&did(n)).await.unwrap_err();
        let IdentityError::Net {
            source:
                NetError::Busy {
                    status: 429,
                    retry_after: Some(wait),
                    ..
                },
            ..
        } = &later
        else {
            panic!("{later}");
        };
        assert!(wait.as_secs() <= 60);
        assert_eq!(later.class(), Class::Retry);
    }
    assert_eq!(world.directory.requests(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_remembered_shortly() {
    let world = World::new().await;
    for _ in 0..10 {
        let none = world.identities.get(&did(7)).await.unwrap_err();
        assert_eq!(none, IdentityError::NotFound(did(7)));
        assert_eq!(none.class(), Class::Reject);
    }
    assert_eq!(world.directory.requests(), 1);
    world.directory.put(&did(7), "late.example.com");
    world.pass(limits::IDENTITY_NEGATIVE_MS);
    assert!(world.identities.get(&did(7)).await.is_ok());

    world.directory.set(Mode::Tombstone);
    let gone = world.identities.get(&did(8)).await.unwrap_err();
    assert_eq!(gone, IdentityError::Deactivated(did(8)));
    assert_eq!(gone.class(), Class::Reject);
}

/// A tombstone is an answer: what was known before it is not served for it.
#[tokio::test]
async fn a_tombstone_ends_what_was_known() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.set(Mode::Tombstone);
    world.pass(limits::IDENTITY_FRESH_MS);
    let gone = world.identities.get(&did(1)).await.unwrap_err();
    assert_eq!(gone, IdentityError::Deactivated(did(1)));
}

#[tokio::test]
async fn a_purged_identity_is_asked_for_again() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.put(&did(1), "new.example.com");
    world.pass(limits::IDENTITY_PURGE_MS);
    world.identities.purge(&did(1));
    assert!(world.identities.cached(&did(1)).is_none());
    assert_eq!(world.directory.requests(), 1, "a purge asks nobody");
    let identity = world.identities.get(&did(1)).await.unwrap();
    assert_eq!(
        identity.claimed_handle().unwrap().as_str(),
        "new.example.com"
    );

    // Its old key may be why it was purged: it does not come back because the directory is away.
    world.directory.set(Mode::Down);
    world.pass(limits::IDENTITY_PURGE_MS);
    world.identities.purge(&did(1));
    let held = world.identities.get(&did(1)).await.unwrap_err();
    assert_eq!(held.class(), Class::Retry);
    // What was not there may be there after a purge.
    let world = World::new().await;
    assert!(world.identities.get(&did(9)).await.is_err());
    world.directory.put(&did(9), "nine.example.com");
    world.pass(limits::IDENTITY_PURGE_MS);
    world.identities.purge(&did(9));
    assert!(world.identities.get(&did(9)).await.is_ok());
}

/// A purge that comes while the directory answers: the answer may be older than the purge.
#[tokio::test]
async fn what_was_purged_on_the_way_is_not_kept() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.directory.set(Mode::Slow);
    let identities = Arc::clone(&world.identities);
    let asked = tokio::spawn(async move { identities.get(&did(1)).await });
    world.directory.asked(1).await;
    world.identities.purge(&did(1));
    assert!(asked.await.unwrap().is_ok());
    assert!(world.identities.cached(&did(1)).is_none());
    assert!(world.identities.get(&did(1)).await.is_ok());
    assert_eq!(world.directory.requests(), 2);
}

/// G7: `#identity` events and bad signatures without number cost a bounded number of requests.
#[tokio::test]
async fn floods_are_bounded() {
    let world = World::new().await;
    world.directory.put(&did(1), "alice.example.com");
    for _ in 0..2_000 {
        world.identities.purge(&did(1));
        assert!(world.identities.get(&did(1)).await.is_ok());
        world.pass(5);
    }
    // Ten seconds have passed.
    assert!(
        (10..=11).contains(&world.directory.requests()),
        "{}",
        world.directory.requests()
    );

    let before = world.directory.requests();
    let mut fresh = 0;
    for _ in 0..600 {
        fresh += usize::from(world.identities.refresh(&did(1)).await.unwrap().is_fresh);
        world.pass(100);
    }
    // A minute has passed.
    assert!((5..=7).contains(&fresh), "{fresh}");
    assert_eq!(world.directory.requests() - before, fresh);
}

#[tokio::test]
async fn a_refresh_sees_the_new_key() {
    let world = World::new().await;
    world.directory.put(&did(1), "old.example.com");
    world.identities.get(&did(1)).await.unwrap();
    world.directory.put(&did(1), "new.example.com");
    world.pass(limits::IDENTITY_REFRESH_MS);
    let refreshed = world.identities.refresh(&did(1)).await.unwrap();
    assert!(refreshed.is_fresh);
    assert_eq!(
        refreshed.identity.claimed_handle().unwrap().as_str(),
        "new.example.com"
    );
    let again = world.identities.refresh(&did(1)).await.unwrap();
    assert!(!again.is_fresh && Arc::ptr_eq(&again.identity, &refreshed.identity));
    assert_eq!(world.directory.requests(), 2);
}

/// G3, G4: documents that are none, are another's, are too large, or are said to be elsewhere.
#[tokio::test]
async fn bad_documents_are_refused() {
    for (n, mode) in [
        Mode::Html,
        Mode::OtherDid,
        Mode::Huge,
        Mode::ManyKeys,
        Mode::Redirect,
        Mode::Gzip,
    ]
    .into_iter()
    .enumerate()
    {
        let world = World::new().await;
        world.directory.put(&did(0), "alice.example.com");
        world.directory.set(mode);
        let refusal = world.identities.get(&did(0)).await.unwrap_err();
        assert_eq!(refusal.class(), Class::Reject, "{mode:?}: {refusal}");
        assert_eq!(world.directory.requests(), 1, "{mode:?}");
        let expected = [
            "as JSON",
            "got that of",
            "65536 bytes",
            "at most 100 entries",
            "redirects",
            "encoded",
        ][n];
        assert!(
            refusal.to_string().contains(expected),
            "{mode:?}: {refusal}"
        );
        assert_eq!(world.identities.get(&did(0)).await.unwrap_err(), refusal);
        assert_eq!(
            world.directory.requests(),
            1,
            "{mode:?}: the refusal is remembered"
        );
    }
}

/// G1: forms of `did:web` that are refused before DNS is asked, and names that lead inside.
#[tokio::test]
async fn did_web_is_a_public_host_name() {
    let world = World::new().await;
    for form in [
        "did:web:localhost",
        "did:web:127.0.0.1",
        "did:web:2130706433",
        "did:web:0x7f000001",
        "did:web:10.0.0.1",
        "did:web:localhost%3A8080",
        "did:web:127.0.0.1%3A443",
        "did:web:example.com%3A8443",
        "did:web:example.com:path",
        "did:web:example.com%2Fpath",
        "did:web:example.com%3F",
        "did:web:user%40example.com",
        "did:web:%5B%3A%3A1%5D",
        "did:web:example",
        "did:web:.",
        "did:key:zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc",
        "did:plc:short",
        "did:plc:25ACH563RBHM6QHIISFX3HU3",
        "did:plc:25ach563rbhm6qhiisfx3hu3a",
        "did:example:x",
    ] {
        let did = Did::parse(form).unwrap();
        assert_eq!(
            world.identities.get(&did).await.unwrap_err(),
            IdentityError::Unsupported(did)
        );
    }
    assert_eq!(
        (world.dns.questions(), world.directory.requests()),
        ((0, 0), 0)
    );

    world
        .dns
        .set_addresses("inside.example.com", &[&["127.0.0.1"]]);
    let inside = Did::parse("did:web:inside.example.com").unwrap();
    let refusal = world.identities.get(&inside).await.unwrap_err();
    assert!(
        matches!(
            &refusal,
            IdentityError::Net {
                source: NetError::Refused { .. },
                ..
            }
        ),
        "{refusal}"
    );
    assert_eq!(
        (refusal.class(), world.dns.questions().0),
        (Class::Reject, 1)
    );
}

#[tokio::test]
async fn did_web_of_an_allowed_host_has_a_port_and_is_asked_by_http() {
    let by_place =
        |place: &str| Did::parse(&format!("did:web:{}", place.replace(':', "%3A"))).unwrap();
    let answer = async move |headers: HeaderMap| {
        let own = by_place(headers["host"].to_str().unwrap());
        document(&own, "web.example.com").to_string()
    };
    let web = Web::serve(Router::new().route("/.well-known/did.json", get(answer))).await;
    let own = by_place(&web.place());
    let world = World::allowing(&web.place()).await;
    let identity = world.identities.get(&own).await.unwrap();
    assert_eq!((identity.did(), web.requests()), (&own, 1));
    assert_eq!(world.directory.requests(), 0);
}

/// `aviary replay --identities`: documents of a file, and no network.
#[tokio::test]
async fn identities_of_a_file_need_no_network() {
    let documents: Vec<DidDocument> = Recording::small()
        .plc()
        .iter()
        .map(|(did, known)| {
            let did = Did::parse(did).unwrap();
            DidDocument::parse(known["doc"].to_string().as_bytes(), &did).unwrap()
        })
        .collect();
    let identities = Identities::fixed(documents.clone());
    for document in &documents {
        identities.purge(&document.did);
        let identity = identities.cached(&document.did).unwrap();
        assert_eq!(identity.document(), document);
        assert_eq!(identities.get(&document.did).await.unwrap(), identity);
        assert!(!identities.refresh(&document.did).await.unwrap().is_fresh);
    }
    let none = identities.get(&did(1)).await.unwrap_err();
    assert_eq!(none, IdentityError::NotFound(did(1)));
    let alice = documents
        .iter()
        .find(|d| {
            d.handle
                .as_ref()
                .is_some_and(|h| h.as_str() == "alice.test")
        })
        .unwrap();
    assert_eq!(identities.verified_handle(&alice.did).await, alice.handle);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&alice.json).unwrap()["id"],
        json!(alice.did.as_str())
    );
}
